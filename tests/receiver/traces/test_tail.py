"""Where in the journal a writer begins again."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from receiver.clock import SECOND_NS
from receiver.config import Journal as JournalSettings
from receiver.journal import Draft, Journal, JournalReader
from receiver.traces import tail

HOUR_NS = 3600 * SECOND_NS
START_NS = 1_795_000_000 * SECOND_NS


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalReader]:
    """Rows 1 to 10, an entry received every half hour, what is quarantined between them."""
    writer = Journal.open(tmp_path, JournalSettings())
    for number in range(10):
        kind, event_id = ("entry", str(number)) if number % 2 else ("quarantined", None)
        values = orjson.dumps({"event_id": str(number)})
        received_ns = START_NS + number * HOUR_NS // 2
        writer.append([Draft(kind, "default", event_id, bytes([number]), values, b"{}", False, received_ns)]).result(10)  # type: ignore[arg-type]
    reader = JournalReader.open(tmp_path)
    yield reader
    reader.close()
    writer.close()


@pytest.mark.parametrize("hours", range(-1, 8))
def test_every_entry_of_the_hour_before_is_read_again(hours: int, journal: JournalReader):
    """None of them is left out, and none before it is read."""
    undecided_ns = START_NS + hours * HOUR_NS
    after = tail.begin_at(journal, undecided_ns)
    entries = [row for row in journal.read(0, 100) if row.kind == "entry"]
    wanted = [row.seq for row in entries if row.received_ns >= undecided_ns - HOUR_NS]
    assert [row.seq for row in entries if row.seq > after] == wanted


def test_a_busy_hour_is_bounded(journal: JournalReader, monkeypatch: pytest.MonkeyPatch):
    """Not more rows than may be before the first span that is undecided; all after it."""
    monkeypatch.setattr(tail, "LATE_MAX_NS", 100 * HOUR_NS)
    monkeypatch.setattr(tail, "ROWS_MAX", 2)
    assert tail.begin_at(journal, START_NS + 4 * HOUR_NS) == 6


def test_an_empty_journal_begins_at_its_beginning(tmp_path: Path):
    """Nothing was received yet."""
    writer = Journal.open(tmp_path, JournalSettings())
    reader = JournalReader.open(tmp_path)
    assert tail.begin_at(reader, START_NS) == 0
    reader.close()
    writer.close()
