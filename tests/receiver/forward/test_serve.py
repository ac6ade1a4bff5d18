"""Forwarding by a real receiver: what it costs those who send, and what a killed process costs the backend."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from otel_audit import wire
from receiver.metrics import read_states
from receiver.segments import FRAME_BYTES
from tests.parts import backend as parts
from tests.parts.backend import AWAY, HANGING, OK, Backend
from tests.parts.receiver import Receiver, running
from tests.receiver.forward.forwarding import PROTOCOLS, body
from tests.receiver.otlp.requests import event, request, span


def until(condition: Callable[[], Any], max_s: float = 30) -> None:
    """Return once *condition* holds."""
    deadline = time.monotonic() + max_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def audited(number: int) -> bytes:
    """A request with an audit event on the application's own span."""
    return request(span(event(f"order.{number}.success", audit__reason="x"))).SerializeToString()


def carrier(number: int) -> bytes:
    """A request that is for the receiver alone."""
    return request(span(event(f"carried.{number}.success", audit__reason="x")), scope=wire.SCOPE).SerializeToString()


@contextlib.contextmanager
def forwarding_to(data_dir: Path, *backends: dict[str, Any]) -> Iterator[Receiver]:
    """A real receiver that sends each request by itself."""
    chosen = [{"batch_max_bytes": 1, "retry_max_s": 0.1, **each} for each in backends]
    with running(data_dir, {"FORWARD": json.dumps(chosen)}) as receiver:
        yield receiver


def send(client: httpx.Client, receiver: Receiver, content: bytes) -> httpx.Response:
    """Send one request and be told that it is taken."""
    headers = {"content-type": "application/x-protobuf"}
    return client.post(f"{receiver.http}/v1/traces", content=content, headers=headers).raise_for_status()


def test_hanging_backends_delay_no_answer_and_cost_no_entry(tmp_path: Path):
    """200 requests are acknowledged while they have answered none; a third gets each byte for byte, no carrier."""
    with contextlib.ExitStack() as opened:
        hanging = {protocol: opened.enter_context(parts.running(protocol)) for protocol in PROTOCOLS}
        well = opened.enter_context(parts.running("http"))
        to = [{"endpoint": each.endpoint, "protocol": protocol} for protocol, each in hanging.items()]
        for each in hanging.values():
            each.answer = lambda _: HANGING
        to.append({"endpoint": well.endpoint, "protocol": "http"})
        receiver = opened.enter_context(forwarding_to(tmp_path / "data", *to))
        client = opened.enter_context(httpx.Client())
        send(client, receiver, body(0))
        until(lambda: all(each.requests for each in hanging.values()))
        bodies = [audited(n) if n % 2 else body(n) for n in range(1, 201)]
        receipts = [send(client, receiver, each).headers.get("otel-audit-receipt") for each in bodies]
        send(client, receiver, carrier(0))
        assert sum(receipt is not None for receipt in receipts) == 100
        assert [each.taken for each in hanging.values()] == [[], []]
        until(lambda: len(well.taken) >= 201)
        assert sorted(well.taken) == sorted([body(0), *bodies])
        receiver.eventually("/api/v1/entries", lambda answer: answer["total"]["value"] == 101)
        until(lambda: _sent(receiver, well) == 201)
        assert well.endpoint not in receiver.data_dir.with_suffix(".log").read_text()  # all went well there
        told = httpx.get(f"{receiver.api}/metrics").text
        for each in hanging.values():
            assert f'otel_audit_exporter_sent_spans_total{{exporter="{each.endpoint}"}} 0.0' in told
            each.end()


def _sent(receiver: Receiver, backend: Backend) -> int:
    return int(read_states(receiver.data_dir)["accept"]["forward"][backend.endpoint]["sent_spans"])


def test_what_is_on_disk_outlives_a_killed_process(tmp_path: Path):
    """SIGKILL of accept while the backend takes nothing: accept comes again, and all that it acknowledged goes on."""
    bodies = [audited(n) if n % 2 else body(n, size=2000) for n in range(100)]
    with parts.running("grpc") as to:
        to.answer = lambda _: AWAY
        with forwarding_to(tmp_path / "data", {"endpoint": to.endpoint, "queue": "disk"}) as receiver:
            with httpx.Client() as client:
                for each in bodies:
                    send(client, receiver, each)
            until(lambda: _on_disk(receiver) >= sum(FRAME_BYTES + len(each) for each in bodies))
            pid = read_states(receiver.data_dir)["accept"]["pid"]
            os.kill(pid, signal.SIGKILL)
            until(lambda: read_states(receiver.data_dir).get("accept", {}).get("pid", pid) != pid)
            assert to.taken == []
            to.answer = lambda _: OK
            until(lambda: len(to.taken) >= len(bodies))
            assert sorted(to.taken) == sorted(bodies)


def _on_disk(receiver: Receiver) -> int:
    return sum(path.stat().st_size for path in (receiver.data_dir / "forward").rglob("*.seg"))
