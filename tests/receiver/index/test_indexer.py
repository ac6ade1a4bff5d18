"""The indexer puts what is journalled where it belongs, partitions ready before their time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pytest

from otel_audit.canonical import rfc3339, unix_ns
from receiver.clock import SECOND_NS
from receiver.config import Settings
from receiver.errors import Unavailable
from receiver.index.indexer import Indexer
from receiver.index.memory import MemoryIndex
from receiver.index.open import open_index
from receiver.index.port import Filed
from receiver.index.query import Query
from receiver.index.sqlite import SqliteIndex
from receiver.journal import Row
from tests.contracts.entries import NOON_NS, event_id
from tests.contracts.entry_index import LOG, ids


class Recording(MemoryIndex):
    """An index in memory that remembers what it was asked to prepare, and where things were put."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[str] = []
        self.partitions: dict[str, str] = {}
        self.away = False

    def prepare(self, partitions: Sequence[str]) -> None:
        if self.away:
            raise Unavailable("away")
        self.prepared += partitions

    def put(self, log: str, filed: Sequence[Filed], cursor: int) -> None:
        assert {each.partition for each in filed} <= set(self.prepared), "put before it was prepared"
        self.partitions |= {each.entry.event_id: each.partition for each in filed}
        super().put(log, filed, cursor)


def row(seq: int, time: str = "2026-11-23T12:00:00Z", outlier: bool = False, kind: str = "entry") -> Row:
    said = {
        "event_id": event_id(seq),
        "timestamp": rfc3339(unix_ns(time)),
        "received_at": rfc3339(NOON_NS + seq * SECOND_NS),
        "action": "user.login.success",
        "outcome": "success",
        "severity": "info",
    }
    entry = kind == "entry"
    values = orjson.dumps(said if entry else {"reason": "broken", "raw": ""})
    index = seq - 1 if entry else None
    seen = orjson.dumps({"status_code": 200}) if entry else b"{}"
    return Row(seq, kind, "default", event_id(seq) if entry else None, index, values, seen, outlier, NOON_NS)


class Moment:
    """A clock that stands where it is put."""

    def __init__(self, time: str) -> None:
        self.time = time

    def __call__(self) -> int:
        return unix_ns(self.time)


@pytest.fixture
def index() -> Recording:
    return Recording()


def test_entries_go_to_the_partition_of_their_own_time(index: Recording) -> None:
    """A late event joins its own month, and one nobody believes the outliers, each prepared before the put."""
    indexer = Indexer(index, LOG, "monthly", Moment("2026-11-23T12:00:00Z"))
    indexer.step([row(1), row(2, "2025-02-03T00:00:00Z"), row(3, "1990-01-01T00:00:00Z", outlier=True)])
    assert index.partitions == {event_id(1): "2026.11", event_id(2): "2025.02", event_id(3): "outlier"}


def test_daily_partitions_have_the_day(index: Recording) -> None:
    """With daily partitions an event goes to its day."""
    Indexer(index, LOG, "daily", Moment("2026-11-23T12:00:00Z")).step([row(1)])
    assert index.partitions == {event_id(1): "2026.11.23"}


def test_what_is_put_says_where_it_stands(index: Recording) -> None:
    """The entry in the index carries its log, its number, and what its trace showed."""
    Indexer(index, LOG, "monthly").step([row(1)])
    found = index.get("default", event_id(1))
    assert found is not None
    assert found.integrity is not None
    assert (found.integrity.log, found.integrity.index, found.status_code, found.seen) == (
        LOG, 0, 200, ("status_code",),
    )  # fmt: skip


def test_other_rows_only_move_the_cursor(index: Recording) -> None:
    """What is quarantined or a report is passed by, alone or among entries, and never asked for again."""
    indexer = Indexer(index, LOG, "monthly")
    indexer.step([row(1, kind="quarantined"), row(2, kind="report")])
    assert indexer.cursor() == 2
    indexer.step([row(3), row(4, kind="report")])
    assert indexer.cursor() == 4
    assert ids(index, Query()) == [event_id(3)]


@pytest.mark.parametrize(
    ("before", "after", "ready"),
    [
        ("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", ["2026.11", "2026.12", "2027.01"]),
        ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", ["2026.12", "2027.01", "2027.02"]),
    ],
    ids=["month's end", "year's end"],
)
def test_the_next_partition_is_ready_before_its_time(
    index: Recording, before: str, after: str, ready: list[str]
) -> None:
    """Over the end of a month and of a year, quiet or not, a partition is there before anything belongs into it."""
    clock = Moment(before)
    indexer = Indexer(index, LOG, "monthly", clock)
    indexer.prepare()
    assert index.prepared == ready[:2]
    clock.time = after
    indexer.prepare()
    indexer.prepare()
    assert index.prepared == ready


def test_a_partition_that_could_not_be_made_is_tried_again(index: Recording) -> None:
    """Unavailable while preparing is no partition made."""
    indexer = Indexer(index, LOG, "monthly", Moment("2026-11-23T12:00:00Z"))
    index.away = True
    with pytest.raises(Unavailable):
        indexer.step([row(1)])
    index.away = False
    indexer.step([row(1)])
    assert index.prepared == ["2026.11"]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[SqliteIndex]:
    """The index of the default settings."""
    index = open_index(Settings(data_dir=tmp_path), write=True)
    assert isinstance(index, SqliteIndex)
    yield index
    index.close()


def test_the_embedded_index_is_the_default(opened: SqliteIndex, tmp_path: Path) -> None:
    """Without settings the index is a file in the data directory, and a second opening can read it."""
    Indexer(opened, LOG, "monthly").step([row(1)])
    reader = open_index(Settings(data_dir=tmp_path), write=False)
    assert ids(reader, Query()) == [event_id(1)]
    reader.close()
