"""What came in goes on, whatever the backends do, and nobody waits for them."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.parts import backend as parts
from tests.parts.backend import AWAY, BROKEN, HANGING, OK, TOO_LARGE, UNAUTHENTICATED, Backend, Reply
from tests.parts.ports import free_ports
from tests.receiver.forward.forwarding import PROTOCOLS, body, forwarding, only, settings, until
from tests.receiver.otlp.requests import any_value, event, request, span

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)


def logs(text: str = "hello") -> bytes:
    """A request of one log record."""
    whole = ExportLogsServiceRequest()
    records = whole.resource_logs.add().scope_logs.add().log_records
    records.append(LogRecord(body=any_value(text)))
    return whole.SerializeToString()


def failing_first(times: int, reply: Reply) -> Callable[[bytes], Reply]:
    """Answers so often with *reply*, then with yes."""
    left = [reply] * times
    return lambda _: left.pop() if left else OK


@pytest.mark.parametrize("queue", ["memory", "disk"])
@pytest.mark.parametrize("compressed", [False, True])
def test_what_came_in_goes_on_byte_for_byte(protocol: str, compressed: bool, queue: str, tmp_path: Path):
    """Traces and logs, each to its own service, with the headers of the settings, compressed by all there is."""
    compressions = {"grpc": ["gzip"], "http": ["gzip", "zstd"]}[protocol] if compressed else ["none"]

    async def run(to: Backend, compression: str) -> None:
        chosen = settings(to.endpoint, protocol, headers={"X-Team": "shop"}, compression=compression, queue=queue)
        async with forwarding(tmp_path, chosen) as forwarder:
            forwarder.offer("traces", body(1), False)
            forwarder.offer("logs", logs(), False)
            await until(lambda: only(forwarder)["sent"] == 2)
            facts = only(forwarder)
        assert {(path, sent) for path, sent, _ in to.requests} == {("/v1/traces", body(1)), ("/v1/logs", logs())}
        assert {headers["x-team"] for _, _, headers in to.requests} == {"shop"}
        if protocol == "http":
            encodings = {headers.get("content-encoding", "none") for _, _, headers in to.requests}
            assert encodings == {compression}
        assert facts["queue_bytes"] == 0
        assert facts["sent_bytes"] == len(body(1)) + len(logs())
        assert (facts["dropped"], facts["problem"]) == ({}, None)

    for compression in compressions:
        with parts.running(protocol) as to:
            asyncio.run(run(to, compression))


def test_requests_merge_by_their_bytes(protocol: str, tmp_path: Path):
    """What waits at the same moment is one request, and holds exactly what the parts held, in their order."""
    bodies = [body(number) for number in range(50)]

    async def run(to: Backend) -> None:
        async with forwarding(tmp_path, settings(to.endpoint, protocol, batch_wait_ms=10_000), grace_s=10) as forwarder:
            for each in bodies:
                forwarder.offer("traces", each, False)
            await asyncio.sleep(0)
            assert to.requests == []
        assert to.taken == [b"".join(bodies)]
        merged = ExportTraceServiceRequest.FromString(to.taken[0])
        apart = [ExportTraceServiceRequest.FromString(each).resource_spans[0] for each in bodies]
        assert list(merged.resource_spans) == apart

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_a_full_batch_does_not_wait(protocol: str, tmp_path: Path):
    """A batch ends at its size; a request larger than that goes alone."""
    large, small = body(1, size=5000), body(2, size=100)

    async def run(to: Backend) -> None:
        chosen = settings(to.endpoint, protocol, batch_wait_ms=10_000, batch_max_bytes=3000, in_flight_max=1)
        async with forwarding(tmp_path, chosen) as forwarder:
            for each in [small, large, *[small] * 20]:
                forwarder.offer("traces", each, False)
            await until(lambda: len(to.taken) >= 2)
        assert to.taken[:2] == [small, large]
        assert all(len(each) <= 3000 for each in to.taken[2:])

    with parts.running(protocol) as to:
        asyncio.run(run(to))


@pytest.mark.parametrize("queue", ["memory", "disk"])
def test_a_backend_that_was_away_gets_everything(protocol: str, queue: str, tmp_path: Path, caplog):
    """It is asked again until it takes; what was wrong is said once, and that it is well again."""
    bodies = {body(number) for number in range(20)}
    (port,) = free_ports(1)

    async def run() -> None:
        chosen = settings(f"http://127.0.0.1:{port}", protocol, queue=queue, batch_max_bytes=1)
        async with forwarding(tmp_path, chosen) as forwarder:
            for each in bodies:
                forwarder.offer("traces", each, False)
            await until(lambda: only(forwarder)["retries"] > 8)
            assert only(forwarder)["problem"].startswith("traces: ")
            assert only(forwarder)["queue_bytes"] >= sum(map(len, bodies))
            with parts.running(protocol, port) as to:
                await until(lambda: only(forwarder)["sent"] == len(bodies), max_s=40)
                assert set(to.taken) == bodies
                assert (only(forwarder)["problem"], only(forwarder)["queue_bytes"]) == (None, 0)

    with caplog.at_level(logging.INFO, "receiver.forward"):
        asyncio.run(run())
    said = [record.message for record in caplog.records]
    assert said == ["forwarding waits", "forwarding again"]


@pytest.mark.parametrize("reply", [AWAY, Reply(TOO_LARGE.grpc, 429, asks_s=0)])
def test_what_is_told_to_come_again_comes_again(protocol: str, reply: Reply, tmp_path: Path):
    """UNAVAILABLE, or RESOURCE_EXHAUSTED with RetryInfo; 503, or 429: the same bytes, until they are taken."""

    async def run(to: Backend) -> None:
        to.answer = failing_first(3, reply)
        async with forwarding(tmp_path, settings(to.endpoint, protocol)) as forwarder:
            forwarder.offer("traces", body(), False)
            await until(lambda: only(forwarder)["sent"] == 1)
            assert only(forwarder)["retries"] == 3
        assert [sent for _, sent, _ in to.requests] == [body()] * 4

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_the_pause_a_backend_asks_for_is_kept(protocol: str, tmp_path: Path):
    """RetryInfo or Retry-After wins over our own, shorter pause: one attempt, not hundreds."""
    times: list[float] = []

    def answer(_: bytes) -> Reply:
        times.append(time.monotonic())
        return OK if len(times) > 1 else Reply(AWAY.grpc, AWAY.http, asks_s=1)

    async def run(to: Backend) -> None:
        to.answer = answer
        async with forwarding(tmp_path, settings(to.endpoint, protocol)) as forwarder:
            forwarder.offer("traces", body(), False)
            await until(lambda: only(forwarder)["sent"] == 1)
        assert len(times) == 2
        assert times[1] - times[0] >= 0.9

    with parts.running(protocol) as to:
        asyncio.run(run(to))


@pytest.mark.parametrize("reply", [BROKEN, TOO_LARGE])
def test_of_what_was_merged_only_the_bad_part_is_lost(protocol: str, reply: Reply, tmp_path: Path):
    """A batch refused for good is sent again in smaller parts; the two that are refused alone are dropped, counted."""
    good, bad = [body(number) for number in range(30)], [body(100), body(101)]

    async def run(to: Backend) -> None:
        to.answer = lambda sent: reply if any(each in sent for each in bad) else OK
        async with forwarding(tmp_path, settings(to.endpoint, protocol, batch_wait_ms=500)) as forwarder:
            for each in [*good[:7], bad[0], *good[7:20], bad[1], *good[20:]]:
                forwarder.offer("traces", each, False)
            await until(lambda: only(forwarder)["queue_bytes"] == 0)
            facts = only(forwarder)
        assert b"".join(sorted(to.taken, key=good_place)) == b"".join(good)
        assert facts["sent"] == len(good)
        assert facts["dropped"] == {reply.grpc.name if protocol == "grpc" else str(reply.http): 2}

    def good_place(taken: bytes) -> int:
        return b"".join(good).index(taken)

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_a_backend_that_does_not_know_us_gets_no_small_parts(protocol: str, tmp_path: Path):
    """Unauthenticated is not the batch's fault: it is dropped, counted in requests, and told as the problem."""

    async def run(to: Backend) -> None:
        to.answer = lambda _: UNAUTHENTICATED
        async with forwarding(tmp_path, settings(to.endpoint, protocol, batch_wait_ms=300)) as forwarder:
            for number in range(10):
                forwarder.offer("traces", body(number), False)
            await until(lambda: only(forwarder)["dropped"])
            facts = only(forwarder)
        assert len(to.requests) == 1
        assert sum(facts["dropped"].values()) == 10
        assert "traces: " in facts["problem"]

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_what_a_backend_threw_away_is_counted(protocol: str, tmp_path: Path):
    """A partial success is a success: not sent again, and its number of rejected spans and records stands there."""
    spans = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=3))
    records = ExportLogsServiceResponse(partial_success=ExportLogsPartialSuccess(rejected_log_records=4))

    async def run(to: Backend) -> None:
        to.answer = lambda sent: Reply(body=(spans if sent == body() else records).SerializeToString())
        async with forwarding(tmp_path, settings(to.endpoint, protocol)) as forwarder:
            forwarder.offer("traces", body(), False)
            forwarder.offer("logs", logs(), False)
            await until(lambda: only(forwarder)["sent"] == 2)
            assert only(forwarder)["rejected"] == 7
        assert len(to.requests) == 2

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_a_hanging_backend_holds_up_no_other(protocol: str, tmp_path: Path):
    """One takes everything while the other has answered nothing, and has only so many requests under way."""

    async def run(hanging: Backend, well: Backend) -> None:
        hanging.answer = lambda _: HANGING
        chosen = [settings(each.endpoint, protocol, batch_max_bytes=1, in_flight_max=3) for each in (hanging, well)]
        async with forwarding(tmp_path, *chosen) as forwarder:
            for number in range(100):
                forwarder.offer("traces", body(number), False)
            await until(lambda: forwarder.counts()[well.endpoint]["sent"] == 100)
            await until(lambda: len(hanging.requests) == 3)
            assert forwarder.counts()[hanging.endpoint]["sent"] == 0
            # The logs of the same backend have a way of their own, too.
            hanging.answer = lambda _: OK
            forwarder.offer("logs", logs(), False)
            await until(lambda: logs() in hanging.taken)

    with parts.running(protocol) as hanging, parts.running(protocol) as well:
        asyncio.run(run(hanging, well))


def test_who_never_answers_is_asked_again(protocol: str, tmp_path: Path):
    """After ``timeout_s`` an attempt is given up, and another one made."""

    async def run(to: Backend) -> None:
        to.answer = failing_first(1, HANGING)
        async with forwarding(tmp_path, settings(to.endpoint, protocol, timeout_s=0.3)) as forwarder:
            forwarder.offer("traces", body(), False)
            await until(lambda: only(forwarder)["sent"] == 1)
            assert only(forwarder)["retries"] == 1

    with parts.running(protocol) as to:
        asyncio.run(run(to))


@pytest.mark.parametrize("queue", ["memory", "disk"])
def test_a_full_queue_drops_and_counts(protocol: str, queue: str, tmp_path: Path, caplog):
    """Never more than ``queue_max_bytes`` wait; what waited arrives; the first loss is said in the log, once."""
    large = [body(number, size=60_000) for number in range(40)]

    async def run(to: Backend) -> None:
        to.answer = lambda _: HANGING if not free else OK
        chosen = settings(to.endpoint, protocol, queue=queue, queue_max_bytes=1 << 20, batch_max_bytes=100_000)
        chosen = chosen.model_copy(update={"timeout_s": 0.3})
        async with forwarding(tmp_path, chosen) as forwarder:
            for each in large:
                forwarder.offer("traces", each, False)
                await asyncio.sleep(0.002)
            await until(lambda: to.requests)
            facts = only(forwarder)
            dropped = facts["dropped"]["overflow"]
            assert facts["queue_bytes"] <= 1 << 20
            assert 40 - dropped == (1 << 20) // (len(large[0]) + (8 if queue == "disk" else 0))
            free.append(True)
            await until(lambda: only(forwarder)["sent"] == 40 - dropped)
        arrived = b"".join(to.taken)
        assert all(each in arrived for each in large[: 40 - dropped])

    free: list[bool] = []
    with parts.running(protocol) as to:
        asyncio.run(run(to))
    assert [record.message for record in caplog.records].count("forwarding drops") == 1


def test_stopping_sends_what_waits(protocol: str, tmp_path: Path):
    """For so long as it is given; what is then left in memory is dropped, and counted."""

    async def run(to: Backend) -> None:
        async with forwarding(tmp_path, settings(to.endpoint, protocol, batch_wait_ms=9000), grace_s=20) as forwarder:
            forwarder.offer("traces", body(1), False)
        assert to.taken == [body(1)]
        to.answer = lambda _: HANGING
        async with forwarding(tmp_path, settings(to.endpoint, protocol)) as forwarder:
            forwarder.offer("traces", body(2), False)
            await until(lambda: len(to.requests) == 2)
        assert only(forwarder)["dropped"] == {"stopped": 1}

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_what_is_on_disk_outlives_the_process(protocol: str, tmp_path: Path):
    """A backend that took nothing gets it from the next process, in order, once; then nothing is left on disk."""
    bodies = [body(number) for number in range(30)]

    async def run(to: Backend) -> None:
        chosen = settings(to.endpoint, protocol, queue="disk", in_flight_max=1, batch_max_bytes=300)
        to.answer = lambda _: AWAY
        async with forwarding(tmp_path, chosen) as forwarder:
            for each in bodies:
                forwarder.offer("traces", each, False)
            await until(lambda: only(forwarder)["problem"])
        assert only(forwarder)["dropped"] == {}
        to.answer = lambda _: OK
        async with forwarding(tmp_path, chosen) as forwarder:
            await until(lambda: only(forwarder)["sent"] == len(bodies))
        assert b"".join(to.taken) == b"".join(bodies)
        assert list(tmp_path.rglob("*.seg")) == []
        async with forwarding(tmp_path, chosen) as forwarder:
            forwarder.offer("traces", body(99), False)
            await until(lambda: only(forwarder)["sent"] == 1)
        assert to.taken[-1] == body(99)

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_each_backend_gets_its_own_form(protocol: str, tmp_path: Path):
    """One as it came, one without audit events, one redacted, one without traces: all from the same request."""
    whole = request(span(event(audit__reason="x"), attributes={"password": "hunter2"}))
    came = whole.SerializeToString()

    async def run(*to: Backend) -> None:
        plain, strip, redact, none = to
        chosen = (
            settings(plain.endpoint, protocol),
            settings(strip.endpoint, protocol, strip=True),
            settings(redact.endpoint, protocol, redact=True),
            settings(none.endpoint, protocol, signals=["logs"]),
        )
        async with forwarding(tmp_path, *chosen) as forwarder:
            forwarder.offer("traces", came, True)
            await until(lambda: plain.taken and strip.taken and redact.taken)
        assert plain.taken == [came]
        assert strip.taken == [request(span(attributes={"password": "hunter2"})).SerializeToString()]
        hidden = request(span(event(audit__reason="x"), attributes={"password": "[redacted]"}))
        assert ExportTraceServiceRequest.FromString(redact.taken[0]) == hidden
        assert none.requests == []
        assert whole.SerializeToString() == came

    with (
        parts.running(protocol) as one,
        parts.running(protocol) as two,
        parts.running(protocol) as three,
        parts.running(protocol) as four,
    ):
        asyncio.run(run(one, two, three, four))


def test_what_cannot_be_redacted_does_not_go_out(protocol: str, tmp_path: Path):
    """A request that cannot be read inside is dropped and counted; its neighbours in the batch arrive."""
    torn = b"\x0a\x03\x0a\x7f\x01"

    async def run(to: Backend) -> None:
        async with forwarding(tmp_path, settings(to.endpoint, protocol, redact=True, batch_wait_ms=300)) as forwarder:
            for each in (body(1), torn, body(2)):
                forwarder.offer("traces", each, False)
            await until(lambda: only(forwarder)["sent"] == 2)
            assert only(forwarder)["dropped"] == {"unreadable": 1}
        assert to.taken == [body(1) + body(2)]

    with parts.running(protocol) as to:
        asyncio.run(run(to))


def test_a_mistake_of_ours_costs_one_batch(protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is logged and counted, and the way stays open for the next."""

    async def run(to: Backend) -> None:
        async with forwarding(tmp_path, settings(to.endpoint, protocol, in_flight_max=1)) as forwarder:
            with monkeypatch.context() as patch:
                patch.setattr("receiver.forward.lane.Lane._export", None)
                forwarder.offer("traces", body(1), False)
                await until(lambda: only(forwarder)["dropped"])
            forwarder.offer("traces", body(2), False)
            await until(lambda: only(forwarder)["sent"] == 1)
            assert (only(forwarder)["dropped"], only(forwarder)["queue_bytes"]) == ({"failed": 1}, 0)

    with parts.running(protocol) as to:
        asyncio.run(run(to))
