"""The journal: everything once, numbered without holes, and still there after the process died."""

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import orjson
import pytest

from receiver import config
from receiver.errors import Busy, WrongSettings
from receiver.journal import FILE, Appended, Journal, JournalReader, entry_of
from receiver.row import Row
from tests.receiver.drafts import draft

SETTINGS = config.Journal()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path, SETTINGS)
    yield journal
    journal.close()


@pytest.fixture
def reader(tmp_path: Path, journal: Journal) -> Iterator[JournalReader]:
    reader = JournalReader.open(tmp_path)
    yield reader
    reader.close()


def test_entries_are_numbered_from_zero_without_holes(journal: Journal, reader: JournalReader) -> None:
    """Rows of other kinds take a sequence number, never an index."""
    journal.append([draft("a"), draft("x", kind="quarantined"), draft("r", kind="report"), draft("b")]).result()
    journal.append([draft("y", kind="quarantined"), draft("c")]).result()
    rows = reader.read(0, 100)
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [(row.event_id, row.index) for row in rows if row.kind == "entry"] == [("a", 0), ("b", 1), ("c", 2)]
    assert all(row.index is None for row in rows if row.kind != "entry")


def test_a_repeat_is_found_and_counted_in_the_receipt(journal: Journal, reader: JournalReader) -> None:
    """The same event again stores nothing and answers with the index it has."""
    journal.append([draft("a"), draft("b"), draft("c")]).result()
    assert journal.append([draft("b"), draft("d")]).result() == Appended(1, 3, stored=1, duplicates=1, conflicts=0)
    assert reader.last_seq() == 4


def test_a_repeat_within_one_request_is_stored_once(journal: Journal, reader: JournalReader) -> None:
    """One request may say the same twice."""
    assert journal.append([draft("a"), draft("a")]).result() == Appended(0, 0, stored=1, duplicates=1, conflicts=0)
    assert reader.last_seq() == 1


def test_an_id_used_for_another_event_is_set_aside(journal: Journal, reader: JournalReader) -> None:
    """The first event stands; the other is quarantined once, however often it comes, with all it said."""
    journal.append([draft("a", b"first")]).result()
    for _ in range(2):
        other = journal.append([draft("a", b"other")]).result()
        assert other == Appended(None, None, stored=0, duplicates=0, conflicts=1)
    first, second = reader.read(0, 100)
    assert (first.kind, second.kind) == ("entry", "quarantined")
    values = orjson.loads(second.values)
    assert values["reason"] == "event id used again for a different event"
    assert values["said"]["event_id"] == "a"


def test_tenants_do_not_share_ids(journal: Journal, reader: JournalReader) -> None:
    """Another tenant's event with the same id is another event."""
    journal.append([draft("a", tenant="one"), draft("a", b"else", tenant="two")]).result()
    assert [(row.tenant, row.index) for row in reader.read(0, 9)] == [("one", 0), ("two", 1)]


def test_what_is_set_aside_and_reported_is_stored_once_too(journal: Journal, reader: JournalReader) -> None:
    """A request sent again adds nothing, whatever was in it."""
    for _ in range(2):
        journal.append([draft("x", kind="quarantined"), draft("r", kind="report")]).result()
    assert [row.kind for row in reader.read(0, 9)] == ["quarantined", "report"]


def test_it_survives_reopening(tmp_path: Path) -> None:
    """The log keeps its name, its numbers and its memory of ids."""
    journal = Journal.open(tmp_path, SETTINGS)
    journal.append([draft("a"), draft("b")]).result()
    name = journal.log
    journal.close()
    again = Journal.open(tmp_path, SETTINGS)
    assert again.log == name
    assert again.append([draft("b"), draft("c")]).result() == Appended(1, 2, stored=1, duplicates=1, conflicts=0)
    again.close()


def test_two_logs_never_have_the_same_name(tmp_path: Path) -> None:
    """An index holds several logs; each is known by its name."""
    names = set()
    for directory in ("one", "two"):
        journal = Journal.open(tmp_path / directory, SETTINGS)
        names.add(journal.log)
        journal.close()
    assert len(names) == 2


def test_only_one_process_writes(tmp_path: Path, journal: Journal) -> None:
    """A second accept on the same directory is told who has it."""
    with pytest.raises(WrongSettings, match=r"already written by another accept process \(pid \d+\)"):
        Journal.open(tmp_path, SETTINGS)


def test_files_are_private(tmp_path: Path, journal: Journal) -> None:
    """Nobody else on the machine reads what was journalled."""
    journal.append([draft("a")]).result()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_another_program_may_look_into_the_file(tmp_path: Path) -> None:
    """Someone who opens the journal with a tool and closes it takes nothing away that is written afterwards."""
    journal = Journal.open(tmp_path, SETTINGS)
    look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM journal'); c.close()"
    journal.append([draft("before")]).result(10)
    subprocess.run([sys.executable, "-c", look, str(tmp_path / FILE)], check=True, timeout=30)
    journal.append([draft("after")]).result(10)
    reader = JournalReader.open(tmp_path)
    found = [row.event_id for row in reader.read(0, 9)]
    reader.close()
    journal.close()
    assert found == ["before", "after"]


def test_changed_tells_of_every_commit(journal: Journal, reader: JournalReader) -> None:
    """A follower that polls misses no commit and is not woken for nothing."""
    assert reader.changed()
    assert not reader.changed()
    journal.append([draft("a")]).result()
    assert reader.changed()
    assert not reader.changed()


def test_first_after_finds_the_next_entry(journal: Journal, reader: JournalReader) -> None:
    """Rows of other kinds are stepped over."""
    journal.append([draft("a"), draft("x", kind="quarantined"), draft("b")]).result()
    found = reader.first_after(1)
    assert found is not None
    assert found.event_id == "b"
    assert reader.first_after(3) is None


def test_requests_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    """Many senders cost few fsyncs: what arrives during one commit goes into the next as one."""
    journal = Journal.open(tmp_path, SETTINGS)
    commits: list[int] = []
    inner = journal._commit
    gate = threading.Event()

    def slow(requests):
        gate.wait(10)
        commits.append(len(requests))
        return inner(requests)

    journal._commit = slow
    first = journal.append([draft("first")])
    while journal.waiting:
        pass
    others = [journal.append([draft(str(number))]) for number in range(50)]
    gate.set()
    assert first.result(10).stored + sum(other.result(10).stored for other in others) == 51
    assert commits == [1, 50]
    journal.close()


def test_too_much_waiting_is_busy(tmp_path: Path) -> None:
    """The queue before the disk is bounded; beyond it the sender keeps its copy, and nothing of it is stored."""
    journal = Journal.open(tmp_path, config.Journal(waiting_max_entries=3))
    gate = threading.Event()
    inner = journal._commit

    def stuck(requests):
        gate.wait(10)
        return inner(requests)

    journal._commit = stuck
    taken = [journal.append([draft("in the commit")])]
    while journal.waiting:
        pass
    taken += [journal.append([draft(str(number))]) for number in range(3)]
    with pytest.raises(Busy):
        journal.append([draft("too much")])
    gate.set()
    assert [one.result(10).stored for one in taken] == [1, 1, 1, 1]
    journal.close()


def test_a_sender_that_went_away_changes_nothing(tmp_path: Path) -> None:
    """Its request is left out or stored; the committing thread goes on either way."""
    journal = Journal.open(tmp_path, SETTINGS)
    gone: Future[Appended] = journal.append([draft("gone")])
    gone.cancel()
    assert journal.append([draft("here")]).result(10).stored == 1
    journal.close()


def test_close_commits_what_waits(tmp_path: Path) -> None:
    """Ending cleanly answers everyone, and takes no one any more."""
    journal = Journal.open(tmp_path, SETTINGS)
    futures = [journal.append([draft(str(number))]) for number in range(100)]
    journal.close()
    assert all(future.result(0).stored == 1 for future in futures)
    with pytest.raises(Busy):
        journal.append([draft("late")])


class Breaking:
    """A connection whose *fail_at*-th statement fails: not done at all, or done and its answer lost."""

    def __init__(self, inner: sqlite3.Connection, fail_at: int, applied: bool) -> None:
        self._inner, self._fail_at, self._applied, self._count = inner, fail_at, applied, 0

    def _step(self, call, *arguments):
        self._count += 1
        if self._count != self._fail_at:
            return call(*arguments)
        if self._applied:
            call(*arguments)
        raise sqlite3.OperationalError("disk I/O error")

    def execute(self, *arguments):
        return self._step(self._inner.execute, *arguments)

    def executemany(self, *arguments):
        return self._step(self._inner.executemany, *arguments)

    @property
    def in_transaction(self) -> bool:
        return self._inner.in_transaction

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("applied", [False, True], ids=["lost", "done-but-unanswered"])
@pytest.mark.parametrize("fail_at", range(1, 21))
def test_acknowledged_entries_outlive_the_fault(fail_at: int, applied: bool, tmp_path: Path) -> None:
    """Break each statement of three commits in turn: what was acknowledged is there once, and so is what is resent."""
    journal = Journal.open(tmp_path, SETTINGS)
    journal._connection = Breaking(journal._connection, fail_at, applied)
    failed = 0
    for request in (["a", "b"], ["b", "c"], ["d"]):
        drafts = [*map(draft, request), draft(f"broken-{request}", kind="quarantined")]
        try:
            journal.append(drafts).result(10)
        except Busy:
            failed += 1
            journal.append(drafts).result(10)
    assert failed == (fail_at <= 18)
    journal.close()
    Journal.open(tmp_path, SETTINGS).close()
    reader = JournalReader.open(tmp_path)
    rows = reader.read(0, 100)
    reader.close()
    entries = [row for row in rows if row.kind == "entry"]
    assert [(row.event_id, row.index) for row in entries] == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]
    assert len(rows) - len(entries) == 3


def test_checkpoints_empty_the_log_while_it_is_written(tmp_path: Path) -> None:
    """The write-ahead log does not grow for ever: what is committed reaches the journal's own file."""
    journal = Journal.open(tmp_path, config.Journal(checkpoint_every_s=0.02))
    before = (tmp_path / FILE).stat().st_size
    for number in range(200):
        journal.append([draft(f"{number}-{each}") for each in range(20)]).result(10)
        if (tmp_path / FILE).stat().st_size > before:
            break
    grown = (tmp_path / FILE).stat().st_size
    journal.close()
    assert grown > before


def test_an_entry_says_which_fields_were_seen() -> None:
    """What the event said wins over what its trace showed, and what was seen is named."""
    said = {
        **orjson.loads(draft("a").values),
        "path": "/said",
        "integrity": {"signature": {"value": "s", "key_id": "k"}},
    }
    seen = {"path": "/seen", "span_name": "GET /"}
    row = Row(7, "entry", "default", "a", 3, orjson.dumps(said), orjson.dumps(seen), False, 1)
    entry = entry_of(row, "otel-audit/0123456789ab")
    assert (entry.path, entry.span_name, entry.seen) == ("/said", "GET /", ("span_name",))
    assert entry.integrity is not None
    assert (entry.integrity.log, entry.integrity.index) == ("otel-audit/0123456789ab", 3)
    assert entry.integrity.signature is not None
