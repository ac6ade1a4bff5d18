"""Reading is told: once at once, repeats in one entry, reads of reads not at all."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from receiver.correlate import reads as module
from receiver.correlate.reads import ACTION, FORGOTTEN_NS, Reader, Reads
from receiver.errors import NotFound, Refused, Unavailable
from receiver.row import Draft, Row, entry_of

ANN = Reader("ann", "acme", "10.0.0.7")
START = 1_795_428_000_000_000_000


class Told:
    """What reads told, as entries; a full disk when asked to be one."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.full = False
        self.now = START
        self.reads = Reads(self.append, lambda: self.now)

    def append(self, drafts: Sequence[Draft]) -> None:
        if self.full:
            raise Unavailable("the disk is full")
        for each in drafts:
            row = Row(1, "entry", each.tenant, each.event_id, 0, each.values, each.seen, False, each.received_ns)
            self.entries.append(entry_of(row, "log"))

    def read(self, found: int = 3, reader: Reader = ANN, what: str = "search", **asked: str) -> None:
        with self.reads.reading(reader, what, asked) as read:
            read.found = found


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    yield told
    told.reads.close()


def test_a_first_read_is_told_before_its_answer(told: Told) -> None:
    """Who, from where, what filter, how many."""
    told.read(user_id="u-1", limit="5", cursor="abc")
    [entry] = told.entries
    assert (entry.action, entry.outcome, entry.tenant) == (ACTION, "success", "acme")
    assert (entry.user_id, entry.actor_type, entry.ip_address) == ("ann", "user", "10.0.0.7")
    assert (entry.resource_type, entry.metadata) == ("search", {"filter": {"user_id": "u-1"}, "found": 3})


def test_repeats_are_one_entry(told: Told) -> None:
    """With how many there were since when, and nothing more while nothing is asked; pages are repeats too."""
    for page in range(4):
        told.now = START + page * 10**9
        told.read(user_id="u-1", cursor=str(page))
    assert len(told.entries) == 1
    told.reads.tell()
    told.reads.tell()
    assert len(told.entries) == 2
    assert told.entries[1].metadata == {
        "filter": {"user_id": "u-1"}, "reads": 3, "found": 9, "since": "2026-11-23T10:00:01.000000000Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "u-2"},
        {"what": "facets", "user_id": "u-1"},
        {"reader": ANN._replace(name="bob"), "user_id": "u-1"},
        {"reader": ANN._replace(tenant="other"), "user_id": "u-1"},
    ],
)
def test_another_reader_or_filter_is_a_first_read(told: Told, other: Any) -> None:
    """Told at once."""
    told.read(user_id="u-1")
    told.read(**other)
    assert len(told.entries) == 2


def test_after_an_hour_it_is_a_first_read_again(told: Told) -> None:
    """Nobody has to wait for a summary to learn of it."""
    told.read(user_id="u-1")
    told.now += FORGOTTEN_NS
    told.read(user_id="u-1")
    assert [each.metadata.get("reads") for each in told.entries] == [None, None]


def test_a_read_that_cannot_be_told_is_none(told: Told) -> None:
    """The answer does not leave; tried again, it is a first read again."""
    told.full = True
    with pytest.raises(Unavailable):
        told.read(user_id="u-1")
    told.full = False
    told.read(user_id="u-1")
    assert len(told.entries) == 1


def test_repeats_wait_for_a_full_disk(told: Told) -> None:
    """They are told when it is over."""
    told.read(user_id="u-1")
    told.read(user_id="u-1")
    told.full = True
    with pytest.raises(Unavailable):
        told.reads.tell()
    told.full = False
    told.reads.tell()
    assert told.entries[-1].metadata["reads"] == 1


def test_that_nothing_was_found_is_an_answer(told: Told) -> None:
    """Who looked for what is told; a wrong question is not answered, and not told."""
    with pytest.raises(NotFound), told.reads.reading(ANN, "entry", {"event_id": "x"}):
        raise NotFound("no such entry")
    assert told.entries[0].metadata["found"] == 0
    with pytest.raises(Refused), told.reads.reading(ANN, "search", {"x": "y"}):
        raise Refused("wrong")
    assert len(told.entries) == 1


def test_reads_of_reads_are_not_told(told: Told) -> None:
    """Or each look would make another entry."""
    with told.reads.reading(ANN, "search", {"action": ACTION}) as read:
        read.of_reads = True
    assert told.entries == []


def test_what_must_not_be_told_is_not_told_here(told: Told) -> None:
    """Somebody may search for a card number."""
    told.read(q="4111 1111 1111 1111")
    assert "1111 1111" not in str(told.entries[0].metadata)


def test_who_is_silent_for_longest_is_told_and_forgotten(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and no read is lost by that."""
    monkeypatch.setattr(module, "KNOWN_MAX", 2)
    for name in ("a", "a", "b", "c"):
        told.read(user_id=name)
    assert [each.metadata.get("reads") for each in told.entries] == [None, None, None, 1]


def test_closing_tells_what_was_counted(told: Told) -> None:
    """Within the minute, also when there is no minute."""
    reads = Reads(told.append, lambda: told.now).start()
    for _ in range(2):
        with reads.reading(ANN, "search", {}):
            pass
    reads.close()
    assert told.entries[-1].metadata["reads"] == 1
