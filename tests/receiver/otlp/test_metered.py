"""What comes in is counted where it comes in."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from receiver.items import count_items
from receiver.otlp.metered import HttpAnswers, Traffic, metered
from receiver.signal import TRACES
from receiver.timing import Watched, watched
from tests.receiver.otlp.doors import TOKENS, Doors, through
from tests.receiver.otlp.requests import event, request, span

BODY = request(span(event(audit__reason="x")), span(), span()).SerializeToString()
PLAIN = request(*(span() for _ in range(7))).SerializeToString()


@pytest.mark.parametrize("spans", [0, 1, 512])
def test_spans_are_counted_without_being_read(spans: int) -> None:
    """However many there are, over all resources and scopes."""
    each = request(*(span(event(audit__reason="x")) for _ in range(spans))).SerializeToString()
    assert count_items(each) == spans
    assert count_items(each + each) == 2 * spans  # merged by concatenation, as everything of OTLP is


def test_log_records_are_counted_likewise() -> None:
    """Both signals have one outline."""
    logs = ExportLogsServiceRequest()
    scope = logs.resource_logs.add().scope_logs.add()
    for _ in range(3):
        scope.log_records.add().body.string_value = "x"
    assert count_items(logs.SerializeToString()) == 3


def test_what_is_no_request_holds_nothing() -> None:
    """It is counted as a request that was refused, and none of its bytes as spans."""
    assert count_items(b"\x0a\xff audit. nonsense") == 0


class _Metered(Doors):
    """Doors with counts: the endpoints are asked through them."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.traffic = {transport: Traffic(transport, "traces") for transport in ("grpc", "http")}
        self.endpoint._services = {TRACES: metered(self.service, self.traffic["http"], "http/traces")}
        self.grpc._services = {TRACES: metered(self.service, self.traffic["grpc"], "grpc/traces")}


def test_both_transports_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests, bytes and spans that were taken, with and without audit events."""
    monkeypatch.setattr("tests.receiver.otlp.doors.Doors", _Metered)

    async def what(doors: _Metered) -> None:
        await doors.call(BODY)
        await doors.call(PLAIN)
        await doors.post(PLAIN)
        over_grpc, over_http = (doors.traffic[each].facts() for each in ("grpc", "http"))
        assert (over_grpc["requests"], over_grpc["items"]) == (2, 10)
        assert over_grpc["bytes"] == len(BODY) + len(PLAIN)
        assert (over_http["requests"], over_http["items"], over_http["refused"]) == (1, 7, {})

    through(tmp_path, what)


def test_refusals_count_by_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not known, who is told to come again, what is no request; and the spans that were not taken."""
    monkeypatch.setattr("tests.receiver.otlp.doors.Doors", _Metered)

    async def what(doors: _Metered) -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await doors.call(BODY)
        with pytest.raises(grpc.aio.AioRpcError):
            await doors.call(b"audit. nonsense", "shop")
        doors.journal._closing = True
        with pytest.raises(grpc.aio.AioRpcError):
            await doors.call(BODY, "shop")
        doors.journal._closing = False
        facts = doors.traffic["grpc"].facts()
        assert facts["refused"] == {"unauthenticated": 1, "refused": 1, "busy": 1}
        assert (facts["refused_items"], facts["items"], facts["requests"]) == (3, 0, 0)

    through(tmp_path, what, TOKENS)


def test_http_answers_are_counted_by_status(tmp_path: Path) -> None:
    """Also those that no service has seen: a wrong path, a wrong content type."""

    async def what(doors: Doors) -> None:
        answers = HttpAnswers(doors.endpoint)
        doors.http._transport.app = answers  # type: ignore[attr-defined]
        await doors.post(PLAIN)
        await doors.post(PLAIN, "text/html")
        await doors.http.get("/v1/traces")
        assert answers.counts == {"200": 1, "415": 1, "405": 1}

    through(tmp_path, what)


def test_a_request_is_watched_with_its_steps(tmp_path: Path) -> None:
    """Whoever watches learns its name, its size, and that the journal was waited for."""
    seen: list[Watched] = []

    @contextmanager
    def watch(name: str) -> Iterator[Watched]:
        with watched(name) as request_:
            yield request_
        seen.append(request_)

    async def what(doors: Doors) -> None:
        service = metered(doors.service, Traffic("grpc", "traces"), "grpc/traces", watch)
        await service.export(TRACES, BODY, service.caller(None), None)

    through(tmp_path, what)
    (request_,) = seen
    assert (request_.name, request_.attributes) == ("grpc/traces", {"otel_audit.request.bytes": len(BODY)})
    assert [each.name for each in request_.steps] == ["journal"]
    assert request_.steps[0].began_ns <= request_.steps[0].ended_ns


def test_steps_belong_to_their_request(tmp_path: Path) -> None:
    """Two at once, also in threads, do not mix; nothing is noted where nobody watches."""

    async def one(doors: Doors, number: int) -> list[str]:
        with watched(str(number)) as request_:
            body = request(span(event(f"e{number}", audit__x=1))).SerializeToString()
            await doors.service.export(TRACES, body, doors.service.caller(None), None)
        return [each.name for each in request_.steps]

    async def what(doors: Doors) -> None:
        assert await asyncio.gather(one(doors, 1), one(doors, 2)) == [["journal"], ["journal"]]

    through(tmp_path, what)
