"""What the receiver does itself, as entries."""

from typing import Any

import orjson

from otel_audit.entry import Entry
from receiver.acts import Acts, Changed, Ids
from receiver.clock import SECOND_NS
from receiver.row import Draft, Row, entry_of

NOON_NS = 1_795_435_200 * SECOND_NS


def entry(draft: Draft) -> Entry:
    row = Row(1, "entry", draft.tenant, draft.event_id, 0, draft.values, draft.seen, False, draft.received_ns)
    return entry_of(row, "log")


def acts(**named: Any) -> Acts:
    return Acts("follow", clock=lambda: NOON_NS, **named)


def test_a_start_after_a_stop_is_nothing_special() -> None:
    """It says which process of which machine runs."""
    said = entry(acts().start(None))
    assert (said.action, said.outcome, said.severity) == ("audit.receiver.start.success", "success", "info")
    assert said.resource_type == "receiver"
    assert said.resource_id is not None
    assert said.resource_id.endswith(":follow")
    assert said.metadata["process"] == "follow"
    assert said.reason is None


def test_a_start_after_a_crash_says_so() -> None:
    """What the killed process left behind tells its number and its last sign of life."""
    said = entry(acts().start({"pid": 4711, "written_ns": NOON_NS}))
    assert said.severity == "warning"
    assert said.metadata["crashed_pid"] == 4711
    assert said.metadata["last_sign_of_life"] == "2026-11-23T12:00:00.000Z"
    assert "follow (pid 4711) did not stop in order" in str(said.reason)


def test_a_stop_says_why() -> None:
    """Asked to end, or ended by an error."""
    assert entry(acts().stop(None)).action == "audit.receiver.stop.success"
    failed = entry(acts().stop(RuntimeError("no more threads")))
    assert (failed.action, failed.outcome) == ("audit.receiver.stop.failed", "failure")
    assert (failed.error_type, failed.error_message) == ("RuntimeError", "no more threads")


def test_changed_settings_are_named() -> None:
    """With what they were and are, where that may be shown."""
    said = entry(acts().settings(Changed(("auth.tokens", "traces.keep"), {"traces.keep": "all"}, {})))
    assert said.action == "audit.receiver.settings.update.success"
    assert said.metadata["changed"] == ["auth.tokens", "traces.keep"]
    assert (said.previous_state, said.new_state) == ({"traces.keep": "all"}, {})


def test_an_outage_is_told_when_it_is_over() -> None:
    """Since when nothing could be journalled, and why."""
    said = entry(acts().outage("database or disk is full", NOON_NS))
    assert (said.action, said.outcome, said.severity) == ("audit.receiver.accept.failed", "failure", "critical")
    assert said.metadata["since"] == "2026-11-23T12:00:00.000Z"
    assert said.error_message == "database or disk is full"


def test_an_act_stands_in_the_receivers_own_trace() -> None:
    """Where there is one; else its ids are made up."""
    said = entry(acts(new_span=lambda name: Ids("a" * 32, "b" * 16)).stop(None))
    assert (said.trace_id, said.span_id, said.service_name) == ("a" * 32, "b" * 16, "otel-audit")
    assert len({entry(acts().stop(None)).trace_id for _ in range(2)}) == 2
    assert orjson.loads(acts().stop(None).values)["span_id"]
