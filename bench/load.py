"""Requests as services send them, and a process of its own that sends them: fresh ids in every request, made in C.

A request is made once, with ``MARK`` inside every id; each one that is sent has six other bytes in its place, put
there by ``bytes.replace``. Run as ``python -m bench.load``; :func:`send` does.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.stop import Stop

#: Stands in every trace, span and event id of a template, and nowhere else; as hex in the text of an event id.
MARK = bytes.fromhex("abcdef987654")
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SPANS_A_TRACE = 8
_RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_MOST_S = 280

_RESOURCE = {"service.name": "inventory", "service.version": "1.4.2", "host.name": "node-7"}
_SPAN = {
    "http.request.method": "POST",
    "url.path": "/api/v1/inventory/SKU-1",
    "http.route": "/api/v1/inventory/{sku}",
    "http.response.status_code": 200,
    "server.address": "inventory.shop.example",
    "client.address": "203.0.113.7",
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "network.protocol.version": "1.1",
}
_EVENT = {
    "audit.schema.version": "1",
    "audit.outcome": "success",
    "audit.actor.type": "staff",
    "audit.target.type": "inventory_item",
    "audit.target.id": "SKU-1",
    "audit.target.before": '{"stock":50,"price":12.5,"name":"Widget"}',
    "audit.target.after": '{"stock":35,"price":12.5,"name":"Widget"}',
    "audit.reason": "recount",
    "audit.request.id": "0af76519-16cd-43dd-8448-eb211c80319c",
    "user.id": "u-17",
    "user.email": "clerk@example.com",
    "session.id": "s-4711-0815",
    "client.address": "203.0.113.7",
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "http.request.method": "POST",
    "url.path": "/api/v1/inventory/SKU-1",
    "audit.metadata.warehouse": "north",
}
ACTION = "inventory.update.success"


@dataclass(frozen=True)
class Run:
    """All that decides which bytes are sent: *requests* of so many *spans*, ids that begin with *prefix* (hex), times.

    Every *audited_every*-th span has one audit event (0: none); where a request has fewer spans than that, so many
    requests share one.
    """

    requests: int
    spans: int
    audited_every: int = 0
    prefix: str = field(default_factory=lambda: os.urandom(2).hex())
    at_ns: int = field(default_factory=time.time_ns)

    @property
    def all_spans(self) -> int:
        """The spans of all requests."""
        return self.requests * self.spans

    @property
    def all_events(self) -> int:
        """The audit events in them."""
        each = len(range(0, self.spans, self.audited_every)) if self.audited_every else 0
        return each * sum(map(self.is_audited, range(self.requests)))

    def is_audited(self, number: int) -> bool:
        """Whether request *number* has audited spans."""
        return self.audited_every > 0 and number % max(1, self.audited_every // self.spans) == 0

    def mark(self, number: int) -> bytes:
        """What stands in the ids of request *number*."""
        return bytes.fromhex(self.prefix) + number.to_bytes(4)

    def body(self, number: int) -> bytes:
        """Request *number*."""
        mark, audited = self.mark(number), self.is_audited(number)
        body = self.template(audited).replace(MARK, mark)
        return body.replace(MARK.hex().encode(), mark.hex().encode()) if audited else body

    @cache  # noqa: B019 - a run is as long as its process
    def template(self, audited: bool) -> bytes:
        """A request with ``MARK`` in its ids: spans of one service, eight a trace, all but the first with a parent."""
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        _fill_attributes(resource_spans.resource, _RESOURCE)
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "opentelemetry.instrumentation.fastapi"
        for number in range(self.spans):
            span = scope_spans.spans.add()
            _fill_span(span, number, self.at_ns)
            if audited and number % self.audited_every == 0:
                _add_event(span, number, self.at_ns)
        return bytes(request.SerializeToString())


def _fill_span(span: Span, number: int, now_ns: int) -> None:
    trace, place = divmod(number, SPANS_A_TRACE)
    span.trace_id = MARK + trace.to_bytes(10)
    span.span_id = MARK + (number + 1).to_bytes(2)
    if place:
        span.parent_span_id = MARK + (trace * SPANS_A_TRACE + 1).to_bytes(2)
    span.name = "POST /api/v1/inventory/{sku}"
    span.kind = Span.SPAN_KIND_SERVER
    span.start_time_unix_nano = now_ns - 5_000_000 + number
    span.end_time_unix_nano = now_ns + number
    span.status.SetInParent()  # as SDKs send it
    _fill_attributes(span, _SPAN)


def _add_event(span: Span, number: int, now_ns: int) -> None:
    event = span.events.add(name=ACTION, time_unix_nano=now_ns + number)
    event.attributes.add(key="audit.record.id").value.string_value = f"019ab0c4-d{number:03x}-7abc-9def-{MARK.hex()}"
    _fill_attributes(event, _EVENT)


def _fill_attributes(holder: Any, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        filled = holder.attributes.add(key=key).value
        if isinstance(value, int):
            filled.int_value = value
        else:
            filled.string_value = value


def send(endpoint: str, run: Run, in_flight: int = 16) -> float:
    """Send *run* to *endpoint* (``host:port``, gRPC) from another process; the seconds until the last was answered.

    Requests that are told to come again do so. Stop when one is refused for good.
    """
    seconds: float = _elsewhere("burst", endpoint, in_flight, run)
    return seconds


def send_paced(endpoint: str, run: Run, per_s: int) -> list[float]:
    """Send so many requests a second, whatever becomes of those before; the seconds each answer took."""
    waits: list[float] = _elsewhere("paced", endpoint, per_s, run)
    return waits


def _elsewhere(how: str, endpoint: str, number: int, run: Run) -> Any:
    command = [sys.executable, "-m", "bench.load", how, endpoint, str(number), json.dumps(asdict(run))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Stop(f"the load could not be sent: {done.stderr.strip()[-800:]}")
    return json.loads(done.stdout)


def main() -> None:
    """Send what the arguments tell; print how long it took."""
    how, endpoint, number, told = sys.argv[1:]
    send = {"burst": _burst, "paced": _paced}[how]
    print(json.dumps(asyncio.run(_connected(send, endpoint, int(number), Run(**json.loads(told))))))


async def _connected(send: Any, endpoint: str, number: int, run: Run) -> Any:
    run.body(0)  # the template is made before the clock starts
    async with grpc.aio.insecure_channel(endpoint) as channel, asyncio.timeout(_MOST_S):
        await channel.channel_ready()
        call = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        return await send(call, number, run)


async def _burst(call: Any, in_flight: int, run: Run) -> float:
    numbers = iter(range(run.requests))

    async def sender() -> None:
        for number in numbers:
            await _patiently(call, run.body(number))

    began = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(in_flight)))
    return time.perf_counter() - began


async def _paced(call: Any, per_s: int, run: Run) -> list[float]:
    waits: list[float] = []

    async def timed(due: float, body: bytes) -> None:
        await call(body, timeout=30)
        waits.append(time.perf_counter() - due)  # from when it was due: a late start counts too

    began = time.perf_counter()
    tasks = []
    for number in range(run.requests):
        due = began + number / per_s
        if (left := due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        tasks.append(asyncio.create_task(timed(due, run.body(number))))
    await asyncio.gather(*tasks)
    return waits


async def _patiently(call: Any, body: bytes) -> None:
    while True:
        try:
            await call(body, timeout=30)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _RETRYABLE:
                raise
            await asyncio.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    main()
