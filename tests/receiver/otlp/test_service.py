"""What happens to a request, whichever way it came."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc.aio
import orjson
import pytest

from receiver.claims import UNAUTHORISED
from receiver.config import Budget, Token
from receiver.journal import Journal
from receiver.otlp.anomalies import SENDER_DROPPED
from receiver.row import Row
from tests.receiver.otlp.doors import Doors, through
from tests.receiver.otlp.requests import CARRIER_SPAN, event, request, server_span, span

ID = "0192f0c1-2345-7abc-8def-0123456789ab"
GOOD = event(audit__reason="x")
BROKEN = event("order.create.success", audit__outcome="perhaps")


def test_the_answer_carries_a_receipt(tmp_path: Path) -> None:
    """Which log, from which index to which: over gRPC a trailer, over HTTP a header."""

    async def what(doors: Doors) -> None:
        answer, trailers = await doors.call(
            request(span(event("a", audit__x=1), event("b", audit__x=1))).SerializeToString()
        )
        assert not answer.HasField("partial_success")
        assert trailers["otel-audit-receipt"] == f"{doors.journal.log} 0-1"
        response = await doors.post(request(span(event("b", audit__x=1), event("c", audit__x=1))).SerializeToString())
        assert (response.status_code, response.content) == (200, b"")
        # "b" stands second in its span above and first here, and no equal one stands before it: the same event.
        assert response.headers["otel-audit-receipt"] == f"{doors.journal.log} 1-2"

    through(tmp_path, what)


def test_a_request_without_audit_events_goes_to_the_join_alone(tmp_path: Path) -> None:
    """Its spans may belong to an audited trace; nothing is journalled, and no receipt is given."""
    body = request(span(), server_span(url__path="/")).SerializeToString()

    async def what(doors: Doors) -> None:
        _, trailers = await doors.call(body)
        assert "otel-audit-receipt" not in trailers
        assert (doors.rows(), doors.spooled()) == ([], [body])

    through(tmp_path, what)


def test_an_empty_request_is_a_success(tmp_path: Path) -> None:
    """The specification says so; there is nothing to hand over."""

    async def what(doors: Doors) -> None:
        await doors.call(b"")
        assert (await doors.post(b"{}", "application/json")).json() == {}
        assert (doors.rows(), doors.spooled()) == ([], [])

    through(tmp_path, what)


def test_the_same_request_twice_is_one_entry(tmp_path: Path) -> None:
    """Over either way, before and after a restart, with the same receipt."""
    body = request(span(GOOD)).SerializeToString()
    receipts = []

    async def what(doors: Doors) -> None:
        _, trailers = await doors.call(body)
        response = await doors.post(body)
        receipts.extend([trailers["otel-audit-receipt"], response.headers["otel-audit-receipt"]])
        assert [row.kind for row in doors.rows()] == ["entry"]

    through(tmp_path, what)
    through(tmp_path, what)
    assert len(receipts) == 4
    assert len(set(receipts)) == 1


def test_one_broken_event_is_named_and_nothing_rejected(tmp_path: Path) -> None:
    """An OTLP sender drops what is rejected: the broken one is kept, said in the answer, and gives no receipt."""
    body = request(span(GOOD, BROKEN, event("c", audit__x=1))).SerializeToString()

    async def what(doors: Doors) -> None:
        answer, trailers = await doors.call(body)
        assert answer.partial_success.rejected_spans == 0
        assert answer.partial_success.error_message == (
            "1 audit event quarantined: order.create.success: audit.outcome must be one of "
            "success, failure, unknown, not 'perhaps'"
        )
        assert "otel-audit-receipt" not in trailers
        assert sorted(row.kind for row in doors.rows()) == ["entry", "entry", "quarantined"]

    through(tmp_path, what)


def test_an_id_used_for_another_event_is_named(tmp_path: Path) -> None:
    """The sender hears of it, and the first event stands."""

    async def what(doors: Doors) -> None:
        await doors.call(request(span(event("first", audit__record__id=ID))).SerializeToString())
        answer, trailers = await doors.call(request(span(event("other", audit__record__id=ID))).SerializeToString())
        assert answer.partial_success.error_message == (
            "1 audit event quarantined: 1 with an event id that stands for a different event"
        )
        assert "otel-audit-receipt" not in trailers

    through(tmp_path, what)


def test_many_broken_events_make_a_short_answer(tmp_path: Path) -> None:
    """Ten are named, the others counted."""
    events = [event(f"e{number}", audit__outcome="perhaps") for number in range(15)]

    async def what(doors: Doors) -> None:
        answer, _ = await doors.call(request(span(*events)).SerializeToString())
        assert answer.partial_success.error_message.startswith("15 audit events quarantined: e0: ")
        assert answer.partial_success.error_message.endswith("; and 5 more")

    through(tmp_path, what)


def test_no_answer_before_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the commit has not returned, the sender waits; when it fails, it is told to send again, spans and all."""
    body = request(span(GOOD)).SerializeToString()

    async def what(doors: Doors) -> None:
        def fail(requests: object) -> None:
            raise RuntimeError("secret of the disk")

        with monkeypatch.context() as patch:
            patch.setattr(doors.journal, "_commit", fail)
            response = await doors.post(body)
        assert response.status_code == 503
        assert b"secret" not in response.content
        assert (doors.rows(), doors.spooled()) == ([], [])
        assert (await doors.post(body)).status_code == 200
        assert len(doors.rows()) == len(doors.spooled()) == 1

    through(tmp_path, what)


def test_without_a_spool_spans_are_not_kept(tmp_path: Path) -> None:
    """``traces.keep: none`` hands nothing over and answers as always."""

    async def what(doors: Doors) -> None:
        doors.service._spool = None
        await doors.call(request(span(GOOD)).SerializeToString())
        await doors.call(request(span()).SerializeToString())
        assert doors.spooled() == []
        assert len(doors.rows()) == 1

    through(tmp_path, what)


def test_a_stopping_journal_is_busy(tmp_path: Path) -> None:
    """Whoever comes too late keeps its copy."""

    async def what(doors: Doors) -> None:
        inner: Journal = doors.journal
        inner._closing = True
        assert (await doors.post(request(span(GOOD)).SerializeToString())).status_code == 503
        inner._closing = False

    through(tmp_path, what)


def test_a_claim_too_much_is_stored_and_marked(tmp_path: Path) -> None:
    """It may be the trace of a break-in; it is counted, and what may be claimed is not marked."""
    token = Token(name="t", sha256=sha256(b"t").hexdigest(), role="sender", services=("shop",), actions=("user.*",))
    events = (event("user.login.success", audit__x=1), event("order.create.success", audit__x=1))
    body = request(span(*events)).SerializeToString()

    async def what(doors: Doors) -> None:
        await doors.call(body, "t")
        marks = {each["action"]: UNAUTHORISED in each.get("anomalies", ()) for each in map(said, doors.rows())}
        assert marks == {"user.login.success": False, "order.create.success": True}
        assert doors.accept.counts()["anomalies"][UNAUTHORISED] == 1

    through(tmp_path, what, tokens=[token])


def test_the_one_that_floods_is_told_busy(tmp_path: Path) -> None:
    """With the time to wait, in gRPC and HTTP; another credential notices nothing, and nothing is journalled."""
    greedy, other = (
        Token(name=name, sha256=sha256(name.encode()).hexdigest(), role="sender", budget=budget)
        for name, budget in (("greedy", Budget(events_per_s=0.001)), ("other", Budget()))
    )
    first, second = (request(span(event(name, audit__x=1))).SerializeToString() for name in ("a", "b"))

    async def what(doors: Doors) -> None:
        await doors.call(first, "greedy")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await doors.call(second, "greedy")
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "google.rpc.retryinfo-bin" in dict(refused.value.trailing_metadata() or ())
        response = await doors.post(second, authorization="Bearer greedy")
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 1
        assert len(doors.rows()) == 1
        await doors.call(second, "other")
        assert len(doors.rows()) == 2

    through(tmp_path, what, tokens=[greedy, other])


def said(row: Row) -> dict[str, Any]:
    """What a row's event says."""
    values: dict[str, Any] = orjson.loads(row.values)
    return values


def test_what_senders_dropped_themselves_is_counted(tmp_path: Path) -> None:
    """On the entry, and in sum: once a span, however many events it has; a carrier's span is nobody's loss."""
    lossy = span(event("a", audit__x=1), event("b", audit__x=1))
    lossy.dropped_events_count = 5
    lossy.events[1].dropped_attributes_count = 2
    carrier = span(event("c", audit__x=1), span_id=CARRIER_SPAN)
    carrier.dropped_events_count = 7

    async def what(doors: Doors) -> None:
        await doors.call(request(lossy).SerializeToString())
        await doors.call(request(carrier, scope="otel_audit").SerializeToString())
        await doors.call(request(span(event("d", audit__x=1), span_id=b"another1")).SerializeToString())
        marks = {each["action"]: SENDER_DROPPED in each.get("anomalies", ()) for each in map(said, doors.rows())}
        assert marks == {"a": True, "b": True, "c": False, "d": False}
        assert doors.service.counts() == {"sender_dropped_events": 5, "sender_dropped_attributes": 2}

    through(tmp_path, what)
