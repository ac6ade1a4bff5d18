"""``enforced``: the receipt is here, or the caller can fail closed."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit import _transaction
from tests.sdk.far_end import FarEnd, attributes


@pytest.fixture
def _configured(far_end: FarEnd, provider: TracerProvider) -> None:
    otel_audit.configure(
        endpoint=far_end.endpoint, tracer_provider=provider, guarantee="enforced", enforced_timeout_s=1.0
    )


@pytest.mark.usefixtures("_configured")
def test_it_returns_with_the_receipt(far_end: FarEnd):
    """The event is at the far end by then, whatever waits in the queue."""
    recorded = otel_audit.record("payment.capture.success", ("payment", "p-1"))
    assert recorded.receipt == "log-1 1-1"
    assert [carrier.name for carrier in far_end.carriers] == ["payment.capture.success"]
    assert otel_audit.statistics().delivered == 1


@pytest.mark.usefixtures("_configured")
def test_it_may_be_chosen_for_one_event(far_end: FarEnd):
    """Another guarantee for another event, in the same numbers."""
    assert otel_audit.record("product.view.success", guarantee="best_effort").receipt is None
    assert otel_audit.record("product.view.success", guarantee="journaled").receipt is None
    assert otel_audit.record("payment.capture.success").receipt
    assert otel_audit.flush()
    numbers = [attributes(carrier.events[0].attributes)["audit.sequence.number"] for carrier in far_end.carriers]
    assert sorted(numbers) == [1, 2, 3]


@pytest.mark.usefixtures("_configured")
def test_without_a_receipt_in_time_the_caller_is_told(far_end: FarEnd):
    """The error names the event and the reason; its number is reported as abandoned, for it may still arrive."""
    far_end.refusals = 1_000_000
    began = time.monotonic()
    with pytest.raises(otel_audit.AuditNotStored, match="not now") as caught:
        otel_audit.record("payment.capture.success")
    assert 0.9 < time.monotonic() - began < 3
    assert caught.value.event_id in str(caught.value)
    far_end.refusals = 0
    otel_audit.shutdown()
    assert far_end.carriers == []
    [report] = far_end.reports
    assert (report["audit.source.last"], [each.int_value for each in report["audit.source.abandoned"].values]) == (
        1,
        [1],
    )


@pytest.mark.usefixtures("_configured")
def test_a_passing_trouble_costs_time_only(far_end: FarEnd):
    """A receiver that is busy twice gives its receipt at the third attempt."""
    far_end.refusals = 2
    assert otel_audit.record("payment.capture.success").receipt
    assert len(far_end.carriers) == 1


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize("message", ["", "1 audit event quarantined: payment.capture.success: no"])
def test_an_answer_without_a_receipt_is_none(message: str, far_end: FarEnd):
    """A Collector cannot say that the event is durable, and a quarantined event is no entry."""
    far_end.receipts = False
    far_end.partial = ExportTracePartialSuccess(error_message=message)
    with pytest.raises(otel_audit.AuditNotStored, match=message or "Collector"):
        otel_audit.record("payment.capture.success")


@pytest.mark.usefixtures("_configured")
def test_one_bad_event_does_not_fail_its_neighbours(far_end: FarEnd):
    """Many callers share a request; the one whose event is too large is told, the others have their receipts."""
    far_end.bytes_max = 20_000

    def record(size: int) -> bool:
        try:
            return otel_audit.record("payment.capture.success", reason="x" * size).receipt is not None
        except otel_audit.AuditNotStored:
            return False

    with ThreadPoolExecutor(8) as callers:
        stored = list(callers.map(record, [10, 30_000, 10, 10, 10, 30_000, 10, 10]))
    assert stored == [True, False, True, True, True, False, True, True]


@pytest.mark.usefixtures("_configured")
def test_callers_share_requests(far_end: FarEnd):
    """While one request is under way the next gathers: fifty callers need far fewer than fifty."""
    far_end.delay_s = 0.05
    with ThreadPoolExecutor(50) as callers:
        receipts = list(callers.map(lambda _: otel_audit.record("a.b.success").receipt, range(50)))
    assert all(receipts)
    assert len(far_end.requests) < 15


@pytest.mark.usefixtures("_configured")
def test_arecord_does_not_hold_up_the_event_loop(far_end: FarEnd):
    """Others run while it waits; the receipt is the same."""
    far_end.delay_s = 0.3

    async def main() -> tuple[str | None, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        recorded = await otel_audit.arecord("payment.capture.success")
        ticking.cancel()
        return recorded.receipt, ticks

    receipt, ticks = asyncio.run(main())
    assert receipt == "log-1 1-1"
    assert ticks > 5


@pytest.mark.usefixtures("_configured")
def test_arecord_fails_closed_too(far_end: FarEnd):
    """In time, and a task that is cancelled meanwhile abandons its number."""
    far_end.refusals = 1_000_000

    async def main() -> None:
        with pytest.raises(otel_audit.AuditNotStored):
            await otel_audit.arecord("payment.capture.success")
        task = asyncio.create_task(otel_audit.arecord("payment.capture.success"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert otel_audit.statistics().abandoned == 2


@pytest.mark.usefixtures("_configured")
def test_a_change_that_failed_keeps_its_own_error(far_end: FarEnd):
    """That its failure could not be stored stands beside it."""
    far_end.refusals = 1_000_000

    def capture_payment() -> None:
        with otel_audit.change("payment.capture", ("payment", "p-1")):
            raise ValueError("card declined")

    with pytest.raises(ValueError, match="card declined") as caught:
        capture_payment()
    assert "not known to be stored" in caught.value.__notes__[0]


@pytest.mark.usefixtures("_configured")
def test_who_waits_at_the_end_is_told(far_end: FarEnd):
    """Shutdown leaves nobody waiting for ever."""
    far_end.refusals = 1_000_000
    errors: list[Exception] = []

    def record() -> None:
        try:
            otel_audit.record("payment.capture.success")
        except otel_audit.AuditNotStored as error:
            errors.append(error)

    caller = threading.Thread(target=record)
    caller.start()
    time.sleep(0.1)
    otel_audit.shutdown(timeout_s=0.1)
    caller.join(5)
    assert not caller.is_alive()
    assert len(errors) == 1


@pytest.mark.usefixtures("_configured", "transaction")
class TestInATransaction:
    """The wait is in the commit hook."""

    def test_commit_waits_for_the_receipt(self, far_end: FarEnd, transaction: _transaction.Transaction):
        """Nothing leaves before; all of it is stored after."""
        assert otel_audit.record("payment.capture.success").receipt is None
        assert far_end.carriers == []
        transaction.committed()
        assert [carrier.name for carrier in far_end.carriers] == ["payment.capture.success"]

    def test_commit_says_what_is_not_stored_and_sends_it_on(
        self, far_end: FarEnd, transaction: _transaction.Transaction
    ):
        """The transaction stands, so the event is true: kept, and sent when the receiver takes it."""
        recorded = otel_audit.record("payment.capture.success")
        far_end.refusals = 1_000_000
        with pytest.raises(otel_audit.AuditNotStored, match="kept and sent on") as caught:
            transaction.committed()
        assert caught.value.event_id == recorded.event_id
        far_end.refusals = 0
        assert otel_audit.flush(10)
        assert len(far_end.carriers) == 1
        assert otel_audit.statistics().abandoned == 0

    def test_rollback_waits_for_nothing(self, far_end: FarEnd, transaction: _transaction.Transaction):
        """A failure that is told stops nobody."""
        otel_audit.record("payment.capture.success")
        far_end.refusals = 1_000_000
        transaction.rolled_back()
        far_end.refusals = 0
        assert otel_audit.flush(10)
        assert [carrier.name for carrier in far_end.carriers] == ["payment.capture.failed"]
