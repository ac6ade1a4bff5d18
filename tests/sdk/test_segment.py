"""Spill files: what was written is read back, wherever the writer died."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_audit import _segment
from otel_audit._event import Event, Numbered
from otel_audit._segment import EVENT, PENDING, Header, Segment
from tests.sdk.events import event

HEADER = Header("0190b0c4-1111-7abc-8def-000000000000", {"service.name": "shop", "n": [1, 2]}, "1.0")


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    fd = os.open(tmp_path / "x.spill", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    yield Segment(fd, "x", HEADER)
    os.close(fd)


def _bytes(segment: Segment) -> bytes:
    return os.pread(segment.fd, segment.size, 0)


def test_what_is_written_is_read(segment: Segment):
    """Header, events and numbers, in order."""
    events = [event(f"a.b{n}.success")._replace(trace_id=2**127 + n, parent_span_id=2**63 + n) for n in range(3)]
    for number, each in enumerate(events, 1):
        segment.append(EVENT, number, each)
    contents = segment.contents()
    assert contents.header == HEADER
    assert contents.events == tuple(Numbered(number, each) for number, each in enumerate(events, 1))
    assert (contents.unresolved, contents.problem, contents.last) == ((), None, 3)


def test_a_pending_event_is_what_became_of_it(segment: Segment):
    """Released as it was told, told otherwise, or not known: the last stands apart."""
    released, failed, unknown = (event(f"{name}.x.success") for name in ("released", "failed", "unknown"))
    for ticket, each in enumerate((released, failed, unknown), 1):
        segment.append(PENDING, ticket, each)
    instead = event("failed.x.failed").said
    segment.resolve(2, 7, 111, instead)
    segment.resolve(1, 8, 222, None)
    contents = segment.contents()
    assert contents.events == (
        Numbered(7, failed._replace(said=instead, time_ns=111)),
        Numbered(8, released._replace(time_ns=222)),
    )
    assert contents.unresolved == (unknown,)


def test_only_what_follows_the_cut_is_read_back(segment: Segment):
    """What stands before is in memory; a pending event counts where its end stands."""
    early, late, pending = event("early.x.success"), event("late.x.success"), event("pending.x.success")
    segment.append(EVENT, 1, early)
    segment.append(PENDING, 1, pending)
    segment.cut = segment.size
    segment.append(EVENT, 2, late)
    segment.resolve(1, 3, 5, None)
    assert segment.overflowed(segment.size) == (Numbered(2, late), Numbered(3, pending._replace(time_ns=5)))


def test_a_pending_event_is_found_where_it_lies(segment: Segment):
    """By its offset alone: memory may have had no room for it."""
    segment.append(EVENT, 1, event())
    segment.append(PENDING, 1, told := event("late.x.success"))
    assert segment.pending_at(segment.last_at) == told


def test_cut_back_it_begins_again(segment: Segment):
    """Answered events go, the header stays, and what follows stands right behind it."""
    segment.append(EVENT, 1, event())
    segment.forget()
    assert segment.contents().events == ()
    segment.append(EVENT, 2, told := event("later.x.success"))
    assert segment.contents().events == (Numbered(2, told),)


def test_a_file_cut_short_anywhere_keeps_what_stands_before(segment: Segment):
    """Whole events are read; the half one at the end is of a record() that never returned, and no damage."""
    whole = [event(f"a.b{n}.success") for n in range(3)]
    ends = [segment.size]
    for number, each in enumerate(whole, 1):
        segment.append(EVENT, number, each)
        ends.append(segment.size)
    data = _bytes(segment)
    for length in range(len(data)):
        contents = _segment.read(data[:length])
        complete = sum(end - len(_segment._MARK) <= length for end in ends)
        assert [numbered.event for numbered in contents.events] == whole[: max(complete - 1, 0)]
        assert (contents.problem is None) is (complete > 0 or length == 0)


def test_a_flipped_bit_is_never_an_event(segment: Segment):
    """Whatever bit it is, what is read is a beginning of what was written."""
    whole = [event(f"a.b{n}.success") for n in range(2)]
    for number, each in enumerate(whole, 1):
        segment.append(EVENT, number, each)
    data = _bytes(segment)
    for at in range(0, len(data), 3):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        contents = _segment.read(bytes(broken))
        assert contents.problem is not None
        found = [numbered.event for numbered in contents.events]
        assert found == whole[: len(found)]


@pytest.mark.parametrize("foreign", [b"PK\x03\x04 some archive", b"\0" * 4096, b"{}\n" * 100])
def test_a_foreign_file_makes_no_sense(foreign: bytes):
    """It yields nothing and a problem."""
    contents = _segment.read(foreign)
    assert (contents.header, contents.events) == (None, ())
    assert contents.problem


def test_a_write_that_fails_half_way_leaves_the_file_as_it_was(segment: Segment, monkeypatch: pytest.MonkeyPatch):
    """A full disk in mid-frame: the next event stands where that one would have."""
    segment.append(EVENT, 1, first := event())
    write, calls = os.write, iter((lambda fd, data: write(fd, data[:10]), _full))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, data: next(calls)(fd, data))
        with pytest.raises(OSError, match="full"):
            segment.append(EVENT, 2, event())
    segment.append(EVENT, 2, second := event())
    assert [numbered.event for numbered in segment.contents().events] == [first, second]


def _full(fd: int, data: bytes) -> int:
    raise OSError(28, "the disk is full")


def test_events_are_compared_whole():
    """A tuple of plain values, so that a test may compare them."""
    told = event()
    assert Event(*told) == told
