"""What is remembered of audited traces is bounded."""

from receiver.traces.audited import LACKING_MAX, Audited
from receiver.traces.facts import Lacking


def _lacking(event_id: str, *fields: str) -> Lacking:
    return Lacking("2026.11", "default", event_id, "b" * 16, "shop", frozenset(fields))


def test_the_trace_heard_of_longest_ago_is_forgotten_first():
    """Traces and entries count together; hearing of a trace again keeps it."""
    audited = Audited(remembered_max=6)
    for number in range(3):
        audited.hear_of(("default", str(number)), _lacking("e", "path"))
    audited.hear_of(("default", "0"), None)
    audited.hear_of(("default", "3"), None)
    assert [("default", str(number)) in audited for number in range(4)] == [True, False, True, True]
    assert audited.lacking(("default", "1")) == {}


def test_room_is_made_by_telling():
    """An entry that lacks nothing any more is remembered no more; its trace is."""
    audited = Audited(remembered_max=4)
    trace = ("default", "0")
    audited.hear_of(trace, _lacking("e", "path", "span_name"))
    audited.told(trace, "e", frozenset({"path"}))
    assert audited.lacking(trace)["e"].fields == {"span_name"}
    audited.told(trace, "e", frozenset({"span_name"}))
    assert (audited.lacking(trace), trace in audited) == ({}, True)
    for number in range(1, 4):
        audited.hear_of(("default", str(number)), None)
    assert trace in audited


def test_one_trace_with_very_many_entries_is_bounded():
    """The first of them are told what their spans show; the trace stays audited."""
    audited = Audited()
    trace = ("default", "0")
    for number in range(LACKING_MAX + 10):
        audited.hear_of(trace, _lacking(str(number), "path"))
    assert len(audited.lacking(trace)) == LACKING_MAX


def test_what_is_told_of_a_forgotten_trace_is_nothing():
    """Forgetting may happen between the look and the telling."""
    audited = Audited()
    audited.told(("default", "0"), "e", frozenset({"path"}))
    assert ("default", "0") not in audited
