"""Where every side forwards to: a process of its own that keeps what it is sent, and tells what of it is whole.

Run as ``python -m bench.far_end``; :func:`listening` does. Requests are looked at only when somebody asks, so that
nothing but receiving them competes with the side that is measured.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.load import MARK, Run
from bench.stop import Stop
from receiver.items import count_items

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_ARRIVE_MAX_S = 60


class FarEnd:
    """The parent's end of it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.endpoint: str = self._ask("endpoint")

    def expect(self, side: str, run: Run) -> None:
        """Return once every span of *run* is there, once, as it was sent; Stop when *side* lost or changed one."""
        deadline = time.monotonic() + _ARRIVE_MAX_S
        while (came := self._ask("count")) < run.all_spans and time.monotonic() < deadline:
            time.sleep(0.05)
        if came != run.all_spans:
            raise Stop(f"{side} was sent {run.all_spans} spans and passed on {came}")
        if wrong := self._ask("check", run=asdict(run)):
            raise Stop(f"{side} changed, lost or doubled {wrong} of {run.all_spans} spans")

    def _ask(self, what: str, **told: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"ask": what, **told}), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def listening() -> Iterator[FarEnd]:
    """One on a free port of loopback."""
    command = [sys.executable, "-m", "bench.far_end"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield FarEnd(process)
    finally:
        process.terminate()
        process.wait(10)


class _Kept:
    """What came."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        self._counted = self._spans = 0

    def take(self, body: bytes, context: Any) -> bytes:
        """Keep a request."""
        self._bodies.append(body)
        return b""

    def count(self) -> int:
        """The spans that came since the last check."""
        fresh = self._bodies[self._counted :]
        self._counted += len(fresh)
        self._spans += sum(map(count_items, fresh))
        return self._spans

    def check(self, run: Run) -> int:
        """How many spans are not there once as they were sent; forgets them all."""
        sent = {audited: _by_id(run.template(audited)) for audited in set(map(run.is_audited, range(run.requests)))}
        whole = {key for body in self._bodies for span in _spans(body) if (key := _key_of_whole(span, run, sent))}
        came, self._bodies, self._counted, self._spans = self._spans, [], 0, 0
        return max(came, run.all_spans) - len(whole)


def _spans(body: bytes) -> Iterator[Any]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def _by_id(template: bytes) -> dict[bytes, bytes]:
    return {span.span_id: span.SerializeToString(deterministic=True) for span in _spans(template)}


def _key_of_whole(span: Any, run: Run, sent: Mapping[bool, Mapping[bytes, bytes]]) -> bytes | None:
    """The span's id when it is, but for its request's mark, a span of the template; None when it is not."""
    mark = span.trace_id[: len(MARK)]
    number = int.from_bytes(mark[2:])
    if mark != run.mark(number) or number >= run.requests:
        return None
    plain = span.SerializeToString(deterministic=True).replace(mark, MARK)
    plain = plain.replace(mark.hex().encode(), MARK.hex().encode())
    expected = sent[run.is_audited(number)].get(span.span_id.replace(mark, MARK))
    return span.span_id if plain == expected else None


def main() -> None:
    """Listen, and answer one question a line."""
    kept = _Kept()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
    method: Any = grpc.unary_unary_rpc_method_handler(kept.take)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for line in sys.stdin:
        told = json.loads(line)
        match told["ask"]:
            case "endpoint":
                answer: Any = f"127.0.0.1:{port}"
            case "count":
                answer = kept.count()
            case _:
                answer = kept.check(Run(**told["run"]))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
