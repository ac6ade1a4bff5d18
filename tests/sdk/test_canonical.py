"""One byte form, one text form of a time, ids that follow from what they name."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.canonical import canonical, derived_event_id, rfc3339, unix_ns

TIMES = st.integers(min_value=0, max_value=2**63 - 1)


def test_the_order_of_keys_does_not_matter():
    """Equal values give equal bytes."""
    assert canonical({"b": [1, {"d": 2, "c": 3}], "a": "é"}) == canonical({"a": "é", "b": [1, {"c": 3, "d": 2}]})
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()


@given(TIMES)
def test_a_time_survives_its_text(moment: int):
    """Nanoseconds are kept to the last one."""
    assert unix_ns(rfc3339(moment)) == moment


@given(TIMES, TIMES)
def test_texts_sort_as_times_do(one: int, other: int):
    """An index may compare times as text."""
    assert (rfc3339(one) < rfc3339(other)) == (one < other)


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)), st.integers(-840, 840))
def test_an_offset_is_read(moment: datetime, minutes: int):
    """A time in another zone is the same moment."""
    utc = moment.replace(tzinfo=UTC)
    there = utc.astimezone(timezone(timedelta(minutes=minutes)))
    assert unix_ns(there.isoformat()) == unix_ns(utc.isoformat())


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00.Z", "1.5", "12:00", "0001-01-01T00:00:00+01:00"],
)
def test_what_is_no_time_is_refused(text: str):
    """A wrong time is an error, never a guess."""
    with pytest.raises(ValueError):  # noqa: PT011
        unix_ns(text)


def test_a_derived_id_follows_from_what_it_names():
    """The same event gets the same id, another place or name another one; all are UUIDs of version 8."""
    trace_id, span_id = hashlib.md5(b"t").digest(), b"12345678"
    first = derived_event_id(trace_id, span_id, "a.b.success", 5, 0)
    assert first == derived_event_id(trace_id, span_id, "a.b.success", 5, 0)
    others = {
        derived_event_id(trace_id, span_id, "a.b.success", 5, 1),
        derived_event_id(trace_id, span_id, "a.b.success", 6, 0),
        derived_event_id(trace_id, span_id, "a.b.failed", 5, 0),
        derived_event_id(trace_id, b"87654321", "a.b.success", 5, 0),
    }
    assert len({first, *others}) == 5
    assert UUID(first).version == 8
    assert UUID(first).variant == "specified in RFC 4122"
