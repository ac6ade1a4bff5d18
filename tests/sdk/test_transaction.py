"""Inside a transaction: the truth about its end, and never the success of what did not happen."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit import _segment, _transaction, wire
from otel_audit._config import Config
from otel_audit._delivery import Delivery
from otel_audit.testing import capture
from tests.sdk.events import event
from tests.sdk.far_end import FarEnd, attributes

pytestmark = pytest.mark.usefixtures("transaction")


@pytest.fixture
def _configured(far_end: FarEnd, provider: TracerProvider) -> None:
    otel_audit.configure(endpoint=far_end.endpoint, tracer_provider=provider)


def _said(far_end: FarEnd) -> list[dict[str, object]]:
    assert otel_audit.flush(10)
    return [{"name": carrier.name, **attributes(carrier.events[0].attributes)} for carrier in far_end.carriers]


@pytest.mark.usefixtures("_configured")
def test_commit_gives_number_and_time(far_end: FarEnd, transaction: _transaction.Transaction, spill_dir: Path):
    """Pending on disk before; numbered in the order of the end, dated by it."""
    otel_audit.record("order.create.success", metadata={"n": 1})
    [file] = spill_dir.iterdir()
    assert len(_segment.read(file.read_bytes()).unresolved) == 1
    assert otel_audit.flush(5)  # what waits for its transaction cannot be sent
    assert far_end.carriers == []
    inside = _transaction.current
    _transaction.current = lambda: None  # type: ignore[assignment]
    otel_audit.record("order.view.success", metadata={"n": 2})
    _transaction.current = inside
    transaction.committed()
    said = {each["audit.metadata.n"]: each for each in _said(far_end)}
    assert (said[2][wire.SEQUENCE], said[1][wire.SEQUENCE]) == (1, 2)
    times = {carrier.name: carrier.events[0].time_unix_nano for carrier in far_end.carriers}
    assert times["order.create.success"] > times["order.view.success"]


@pytest.mark.usefixtures("_configured")
def test_rollback_yields_one_failure(far_end: FarEnd, transaction: _transaction.Transaction):
    """Under the event's own id, with what was attempted, and never the success."""
    recorded = otel_audit.record("order.create.success", ("order", "o-1"), before={"n": 0}, after={"n": 1})
    transaction.rolled_back("deadlock")
    [said] = _said(far_end)
    assert (said["name"], said[wire.RECORD_ID], said[wire.OUTCOME]) == (
        "order.create.failed",
        recorded.event_id,
        "failure",
    )
    assert (said[wire.ERROR_TYPE], said[wire.ERROR_MESSAGE]) == ("transaction_rolled_back", "deadlock")
    assert (said[wire.BEFORE], said[wire.ATTEMPTED]) == ('{"n":0}', '{"n":1}')
    assert wire.AFTER not in said
    assert said[wire.SEQUENCE] == 1


@pytest.mark.parametrize(
    ("action", "outcome", "after"),
    [
        ("order.create.success", None, "order.create.failed"),
        ("order.refund.processed", None, "order.refund.failed"),
        ("order.create.success", "success", "order.create.failed"),
        ("report.view", None, "report.view.failed"),
        ("batch.run.done", "success", "batch.run.done.failed"),
        ("user.login.failed", None, "user.login.failed"),
        ("order.cancel.rejected", None, "order.cancel.rejected"),
        ("odd.thing.success", "failure", "odd.thing.success"),
    ],
)
def test_what_a_rollback_makes_of_an_action(
    action: str, outcome: str | None, after: str, transaction: _transaction.Transaction
):
    """The last part becomes ``failed``; what told of a failure already stands as it is."""
    with capture() as entries:
        otel_audit.record(action, outcome=outcome)
        assert entries == []
        transaction.rolled_back()
    [entry] = entries
    assert (entry.action, entry.outcome) == (after, "failure")


@pytest.mark.usefixtures("_configured")
def test_a_savepoint_fails_alone(far_end: FarEnd, transaction: _transaction.Transaction):
    """What was recorded inside it; what a released one holds goes the way of the outer transaction."""
    otel_audit.record("outer.x.success")
    for name, released in (("undone", False), ("released", True)):
        savepoint = _transaction.Transaction(outer=transaction)
        _transaction.current, outer = lambda: savepoint, _transaction.current  # type: ignore[assignment] # noqa: B023
        otel_audit.record(f"{name}.x.success")
        _transaction.current = outer
        savepoint.committed() if released else savepoint.rolled_back()
    assert [each["name"] for each in _said_so_far(far_end)] == ["undone.x.failed"]
    transaction.committed()
    assert {each["name"] for each in _said(far_end)} == {"undone.x.failed", "outer.x.success", "released.x.success"}


def _said_so_far(far_end: FarEnd) -> list[dict[str, object]]:
    otel_audit.flush(1)
    return [{"name": carrier.name} for carrier in far_end.carriers]


@pytest.mark.usefixtures("_configured")
def test_the_copy_tells_the_truth_too(provider: TracerProvider, transaction: _transaction.Transaction):
    """It is left when the end is known, on a span that has not ended by then."""
    with provider.get_tracer("t").start_as_current_span("short") as short:
        otel_audit.record("order.create.success")
    with provider.get_tracer("t").start_as_current_span("long") as long:
        otel_audit.record("order.pay.success")
        transaction.rolled_back()
    assert [event.name for event in short.events] == []  # type: ignore[attr-defined]
    assert [event.name for event in long.events] == ["order.pay.failed"]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("transaction")
def test_best_effort_pending_writes_nothing(
    far_end: FarEnd, provider: TracerProvider, transaction: _transaction.Transaction, spill_dir: Path
):
    """Memory alone, and as true."""
    otel_audit.configure(endpoint=far_end.endpoint, tracer_provider=provider, guarantee="best_effort")
    otel_audit.record("order.create.success")
    assert not spill_dir.exists()
    transaction.rolled_back()
    assert [each["name"] for each in _said(far_end)] == ["order.create.failed"]


DYING = """
import os, signal, sys
import otel_audit
from otel_audit import _transaction
from opentelemetry.sdk.trace import TracerProvider
otel_audit.configure(endpoint="http://127.0.0.1:1", tracer_provider=TracerProvider())
transaction = _transaction.Transaction()
_transaction.watch(lambda: None if transaction.ended else transaction)
otel_audit.record("order.create.success", metadata={"n": 1})
otel_audit.record("order.pay.success", metadata={"n": 2})
if sys.argv[1] == "committed":
    transaction.committed()
if sys.argv[1] == "rolled-back":
    transaction.rolled_back()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("end", "names", "outcome"),
    [
        ("open", {"order.create.success", "order.pay.success"}, "unknown"),
        ("committed", {"order.create.success", "order.pay.success"}, None),
        ("rolled-back", {"order.create.failed", "order.pay.failed"}, "failure"),
    ],
)
def test_after_a_crash_nobody_guesses(
    end: str, names: set[str], outcome: str | None, far_end: FarEnd, provider: TracerProvider, spill_dir: Path
):
    """A pending event found by a later process has the outcome ``unknown``; an end that was written stands."""
    died = subprocess.run([sys.executable, "-c", DYING, end], env=os.environ.copy(), timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL
    otel_audit.configure(endpoint=far_end.endpoint, tracer_provider=provider)
    deadline = time.monotonic() + 15
    while list(spill_dir.glob("*.1.spill")) and time.monotonic() < deadline:
        time.sleep(0.05)
    said = _said(far_end)
    assert {each["name"] for each in said} == names
    assert {each.get(wire.OUTCOME) for each in said} == {outcome}
    assert {each["audit.metadata.n"] for each in said} == {1, 2}


def test_many_pending_events_overflow_to_disk(far_end: FarEnd, provider: TracerProvider, spill_dir: Path):
    """Where memory has no room they lie on disk alone: released or failed, each is told once."""
    config = Config(endpoint=far_end.endpoint, protocol="grpc", spill_dir=spill_dir, queue_max_events=5)
    delivery = Delivery(config, {}, "0")
    pending = [delivery.hold(event(f"a.n{number}.success"), None, "journaled") for number in range(40)]
    for number, each in enumerate(pending):
        each.release() if number % 2 else each.fail("rolled back")
    assert delivery.close(20)
    names = sorted(carrier.name for carrier in far_end.carriers)
    assert names == sorted(f"a.n{number}.{'success' if number % 2 else 'failed'}" for number in range(40))
    assert delivery.statistics().delivered == 40
    assert list(spill_dir.iterdir()) == []


def test_a_forked_child_leaves_its_parents_events_alone(far_end: FarEnd, spill_dir: Path):
    """The child ends its copy of the transaction: nothing of it counts; the parent's end is what is told."""
    program = f"""
import os
import otel_audit
from otel_audit import _transaction
from opentelemetry.sdk.trace import TracerProvider
otel_audit.configure(endpoint={far_end.endpoint!r}, tracer_provider=TracerProvider())
transaction = _transaction.Transaction()
_transaction.watch(lambda: None if transaction.ended else transaction)
otel_audit.record("order.create.success")
child = os.fork()
if child == 0:
    transaction.rolled_back()
    otel_audit.shutdown()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
transaction.committed()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [carrier.name for carrier in far_end.carriers] == ["order.create.success"]


def test_an_end_that_comes_while_its_file_is_read_back_is_not_lost(far_end: FarEnd, spill_dir: Path):
    """The file holds more by then than was read: it stays until that has been sent, too."""
    far_end.refusals = 1_000_000
    config = Config(endpoint=far_end.endpoint, protocol="grpc", spill_dir=spill_dir, queue_max_events=2)
    delivery = Delivery(config, {}, "0")
    pending = [delivery.hold(event(f"a.pending{number}.success"), None, "journaled") for number in range(20)]
    for number in range(20):
        delivery.put(event(f"a.plain{number}.success"), None, "journaled")
    far_end.refusals = 0
    far_end.delay_s = 0.05
    for each in pending:
        time.sleep(0.05)
        each.release()
    assert delivery.close(20)
    names = [carrier.name for carrier in far_end.carriers]
    assert len(set(names)) == 40
    assert list(spill_dir.iterdir()) == []


def test_an_end_after_the_shutdown_touches_nothing(far_end: FarEnd, spill_dir: Path, tmp_path: Path):
    """Its file is closed: what the application opened since under the same descriptor stays as it is."""
    delivery = Delivery(Config(endpoint=far_end.endpoint, protocol="grpc", spill_dir=spill_dir), {}, "0")
    pending = [delivery.hold(event(), None, "journaled") for _ in range(3)]
    delivery.close(1)
    bystanders = [(tmp_path / str(number)).open("w") for number in range(10)]
    pending[0].release()
    pending[1].fail("rolled back")
    for bystander in bystanders:
        bystander.close()
    assert {(tmp_path / str(number)).stat().st_size for number in range(10)} == {0}
    [left] = spill_dir.iterdir()
    assert len(_segment.read(left.read_bytes()).unresolved) == 3
