"""What is answered does not depend on any backend, and only what was taken goes on."""

import asyncio
from pathlib import Path

import grpc
import pytest

from otel_audit import wire
from receiver.forward.forwarder import Forwarder
from receiver.journal import Journal
from tests.parts import backend as parts
from tests.parts.backend import HANGING
from tests.receiver.forward.forwarding import audit, body, forwarding, only, settings, until
from tests.receiver.otlp.doors import Doors, through
from tests.receiver.otlp.requests import event, request, span


def forward(doors: Doors, forwarder: Forwarder) -> None:
    """Let the doors' service forward."""
    doors.service._forward = forwarder


def test_a_hanging_backend_delays_no_answer(tmp_path: Path) -> None:
    """Two hundred requests are answered, every audit event among them is on disk, and the backend has answered none."""

    async def what(doors: Doors) -> None:
        with parts.running("grpc") as hanging, parts.running("http") as hanging_too:
            hanging.answer = hanging_too.answer = lambda _: HANGING
            chosen = settings(hanging.endpoint, "grpc"), settings(hanging_too.endpoint, "http", queue="disk")
            async with forwarding(tmp_path, *chosen) as forwarder:
                forward(doors, forwarder)
                async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.grpc.port}") as channel:
                    method = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
                    bodies = [body(number) if number % 2 else audit(number) for number in range(200)]
                    await asyncio.gather(*(method(each, timeout=60) for each in bodies))
                await until(lambda: hanging.requests and hanging_too.requests)
                assert hanging.taken == hanging_too.taken == []
                assert [each["sent"] for each in forwarder.counts().values()] == [0, 0]
                assert [row.kind for row in doors.rows()] == ["entry"] * 100

    through(tmp_path / "data", what)


def test_what_is_to_come_again_is_not_forwarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request whose audit events could not be stored goes on when it comes again and is stored: once."""

    async def what(doors: Doors) -> None:
        with parts.running("grpc") as to:
            async with forwarding(tmp_path, settings(to.endpoint), grace_s=20) as forwarder:
                forward(doors, forwarder)

                def fail(requests: object) -> None:
                    raise RuntimeError("no disk")

                with monkeypatch.context() as patch:
                    patch.setattr(doors.journal, "_commit", fail)
                    assert (await doors.post(audit(1))).status_code == 503
                assert (await doors.post(audit(1))).status_code == 200
            assert to.taken == [audit(1)]

    through(tmp_path / "data", what)


def test_whatever_way_it_came_it_goes_on(tmp_path: Path) -> None:
    """gRPC, HTTP in protobuf, with and without gzip; what is no request, or empty, or a carrier, does not."""
    carrier = request(span(event(audit__reason="x")), scope=wire.SCOPE).SerializeToString()

    async def what(doors: Doors) -> None:
        with parts.running("grpc") as to:
            async with forwarding(tmp_path, settings(to.endpoint, in_flight_max=1)) as forwarder:
                forward(doors, forwarder)
                await doors.call(body(1))
                await doors.post(audit(2))
                await doors.call(b"")
                await doors.post(carrier)
                assert (await doors.post(b"audit. nonsense")).status_code == 400
                await doors.call(body(3), compression=grpc.Compression.Gzip)
                await until(lambda: only(forwarder)["sent"] == 3)
            assert b"".join(to.taken) == body(1) + audit(2) + body(3)

    through(tmp_path / "data", what)


def test_an_entry_is_stored_though_forwarding_is_full(tmp_path: Path) -> None:
    """A queue without room costs the backend its spans, never an audit entry."""
    large = request(
        span(event(audit__reason="x"), attributes={"blob": "x" * 150_000}),
    ).SerializeToString()

    async def what(doors: Doors) -> None:
        inner: Journal = doors.journal
        with parts.running("grpc") as to:
            to.answer = lambda _: HANGING
            async with forwarding(tmp_path, settings(to.endpoint, queue_max_bytes=1 << 20)) as forwarder:
                forward(doors, forwarder)
                for _ in range(20):
                    _, trailers = await doors.call(large)
                    assert trailers["otel-audit-receipt"].startswith(inner.log)
                assert only(forwarder)["dropped"]["overflow"] >= 13

    through(tmp_path / "data", what)
