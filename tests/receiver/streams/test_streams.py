"""From the journal's rows to what is missing, and back to complete when it comes late."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit import wire
from receiver.claims import UNAUTHORISED
from receiver.clock import SECOND_NS
from receiver.errors import Unavailable
from receiver.row import Kind, Row
from receiver.streams import MISSING_AFTER_NS, State, Stream, StreamReader, StreamWriter

NOW = 1_000_000 * SECOND_NS
LATER = NOW + MISSING_AFTER_NS


class Streams:
    """A writer and a reader on one file; rows are numbered as they come."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.writer = StreamWriter(directory, "log")
        self.reader = StreamReader(directory)
        self.seq = 0

    def take(self, *rows: tuple[Kind, dict[str, Any], int]) -> None:
        """Journal and follow."""
        made = []
        for kind, said, received_ns in rows:
            self.seq += 1
            made.append(Row(self.seq, kind, "default", None, None, orjson.dumps(said), b"{}", False, received_ns))
        self.writer.step(made)

    def one(self, now_ns: int = LATER) -> Stream:
        """The only stream there is."""
        [stream], after = self.reader.page("default", None, None, None, 10, now_ns)
        assert after is None
        return stream

    def close(self) -> None:
        self.writer.close()
        self.reader.close()


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[Streams]:
    """An empty one."""
    made = Streams(tmp_path)
    yield made
    made.close()


def said(number: int | None, source: str = "s1", service: str = "shop") -> dict[str, Any]:
    return {"source": {"id": source, "sequence": number}, "service_name": service}


def entry(number: int | None, at_ns: int = NOW, **of: str) -> tuple[Kind, dict[str, Any], int]:
    return "entry", said(number, **of), at_ns


def report(at_ns: int = NOW, **told: Any) -> tuple[Kind, dict[str, Any], int]:
    return "report", said(None) | {"metadata": {f"audit.source.{name}": value for name, value in told.items()}}, at_ns


def ranges(gaps: Sequence[Any]) -> list[tuple[int, int]]:
    return [(gap.first, gap.last) for gap in gaps]


def test_a_gap_waits_then_is_missing_then_closes(streams: Streams) -> None:
    """What a late spill brings heals the stream."""
    streams.take(entry(1), entry(2), entry(5))
    young, old = streams.one(NOW), streams.one()
    assert (young.state, ranges(young.waiting), young.missing) == ("waiting", [(3, 4)], ())
    assert (old.state, ranges(old.missing), old.waiting) == ("missing", [(3, 4)], ())
    assert (old.first, old.last, old.received, old.service) == (1, 5, 3, "shop")
    streams.take(entry(4), entry(3))
    healed = streams.one()
    assert (healed.state, healed.received, healed.first, healed.last) == ("complete", 5, 1, 5)


@settings(max_examples=40, deadline=None)
@given(numbers=st.sets(st.integers(1, 60), min_size=1), seed=st.integers(0, 99), cuts=st.integers(1, 9))
def test_whatever_the_order_and_the_batches(
    tmp_path_factory: pytest.TempPathFactory, numbers: set[int], seed: int, cuts: int
) -> None:
    """The same numbers give the same stream, repeats included."""
    streams = Streams(tmp_path_factory.mktemp("streams"))
    order = [*numbers, *list(numbers)[:3]]
    random.Random(seed).shuffle(order)
    for at in range(0, len(order), cuts):
        streams.take(*(entry(number) for number in order[at : at + cuts]))
    found = streams.one()
    missing = {n for first, last in ranges(found.missing) for n in range(first, last + 1)}
    assert missing == set(range(1, max(numbers) + 1)) - numbers
    assert (found.received, found.state) == (len(numbers), "missing" if missing else "complete")
    streams.close()


def test_reports_tell_of_what_never_came(streams: Streams) -> None:
    """The highest number reported ends the stream; losses and abandoned numbers are kept, in whatever order."""
    streams.take(entry(1), report(last=4, lost={"overflow": 2}, abandoned=[3]))
    streams.take(report(last=2, lost={"overflow": 1, "too_large": 1}, abandoned=[2]))
    found = streams.one()
    assert (found.last, ranges(found.missing)) == (4, [(2, 4)])
    assert (found.reported_lost, found.abandoned) == ({"overflow": 2, "too_large": 1}, (2, 3))


@pytest.mark.parametrize("wrong", [{"last": "9"}, {"last": -1}, {"last": True}, {"lost": [1]}, {"abandoned": "x"}])
def test_a_report_that_makes_no_sense_changes_nothing(streams: Streams, wrong: dict[str, Any]) -> None:
    """Whoever sends it; the stream stands as it was."""
    streams.take(entry(1), report(**wrong))
    found = streams.one()
    assert (found.state, found.last, found.reported_lost, found.abandoned) == ("complete", 1, {}, ())


def test_a_quarantined_event_was_received(streams: Streams) -> None:
    """It is kept, so its number is not missing; a number that is none is passed over."""
    streams.take(
        ("quarantined", {"reason": "broken", **said(1)}, NOW),
        ("quarantined", {"reason": "used again", "said": said(2)}, NOW),
        ("quarantined", {"reason": "says nothing", "raw": ""}, NOW),
        entry(3),
        entry(-4),
        entry(None),
    )
    assert (streams.one().state, streams.one().received) == ("complete", 3)


def test_who_claims_too_much_fills_no_gap(streams: Streams) -> None:
    """Nor does it open one, with an entry or a report."""
    marked = {"anomalies": [UNAUTHORISED]}
    streams.take(entry(1), entry(3))
    for kind, told, at_ns in (entry(2), entry(9), report(last=9)):
        streams.take((kind, told | marked, at_ns))
    assert (streams.one().last, ranges(streams.one().missing)) == (3, [(2, 2)])


def test_pages_filters_and_sums(streams: Streams) -> None:
    """The youngest first; by service and state; counted over all of them."""
    for number, name in enumerate("abcde"):
        streams.take(entry(1 + number % 2, source=name, service="pay" if name < "c" else "ship"))
    seen: list[str] = []
    before = None
    while True:
        page, before = streams.reader.page("default", None, None, before, 2, LATER)
        seen += [each.source_id for each in page]
        if before is None:
            break
    assert seen == ["e", "d", "c", "b", "a"]

    def ids(service: str | None, state: State | None, now_ns: int = LATER) -> list[str]:
        return [each.source_id for each in streams.reader.page("default", service, state, None, 9, now_ns)[0]]

    assert (ids("pay", None), ids(None, "missing"), ids("ship", "complete")) == (["b", "a"], ["d", "b"], ["e", "c"])
    assert (ids(None, "waiting", NOW), ids(None, "waiting")) == (["d", "b"], [])
    assert streams.reader.missing("default", None, 0, LATER) == (2, 2)
    assert streams.reader.missing("default", "pay", 0, LATER) == (1, 1)
    assert streams.reader.missing("default", None, NOW + 1, LATER) == (0, 0)
    assert streams.reader.missing("other", None, 0, LATER) == (0, 0)


def test_sums_are_over_all_streams(streams: Streams) -> None:
    """What is missing, what may still come, and the losses that senders know of themselves."""
    streams.take(entry(2), report(last=4, lost={"overflow": 1}))
    streams.take(entry(3, source="s2", at_ns=LATER), entry(1, source="s3"))
    assert streams.reader.totals(LATER) == (3, 2, {"overflow": 1})


def test_the_place_in_the_journal_is_kept_with_the_numbers(streams: Streams) -> None:
    """A writer that starts again goes on where the last one ended, and taking a row twice changes nothing."""
    streams.take(entry(1), entry(3))
    streams.writer.close()
    streams.writer = StreamWriter(streams.directory, "log")
    assert (streams.writer.cursor(), streams.reader.cursor("log"), streams.reader.cursor("another")) == (2, 2, 0)
    streams.seq = 0
    streams.take(entry(1), entry(3))
    assert streams.one().received == 2


def test_a_step_that_fails_leaves_nothing(streams: Streams) -> None:
    """Numbers and place are one transaction; a file that is held by another passes."""
    streams.take(entry(1))
    other = StreamWriter(streams.directory, "log")._db
    other.execute("BEGIN IMMEDIATE")
    streams.writer._db.execute("PRAGMA busy_timeout=0")
    with pytest.raises(Unavailable):
        streams.take(entry(2))
    other.execute("ROLLBACK")
    other.close()
    assert (streams.one().received, streams.writer.cursor()) == (1, 1)


def test_no_file_yet_is_unavailable(tmp_path: Path) -> None:
    """The follower makes it at its first start."""
    with pytest.raises(Unavailable):
        StreamReader(tmp_path).missing("default", None, 0, NOW)


def test_names_of_the_convention() -> None:
    """The reports of these tests are spelled as senders spell them."""
    assert {wire.SOURCE_LAST, wire.SOURCE_LOST, wire.SOURCE_ABANDONED} == {
        f"audit.source.{name}" for name in ("last", "lost", "abandoned")
    }
