"""Makes a sound journal of what is left of a damaged one, and says in it what is not."""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from receiver.clock import Clock, now_ns
from receiver.errors import WrongSettings
from receiver.journal import damage
from receiver.journal.examine import REPAIRED, Known
from receiver.journal.lock import DirectoryLock
from receiver.journal.mark import Mark, MarkWriter, read_mark
from receiver.journal.pages import Columns, LogPages, Pages
from receiver.journal.table import FILE, INSERT, MIGRATIONS, Place, columns_of
from receiver.own import own_draft
from receiver.sqlite import open_writer

ACTION = "audit.journal.repair.success"
#: So many missing ranges are named in the entry; all of them stand in the table ``lost``.
NAMED_MAX = 100

_LOG = re.compile(rb"otel-audit/[0-9a-f]{12}")
_INSERT = INSERT.replace("INSERT", "INSERT OR IGNORE", 1)
#: The page with the log's name is among the first.
_BEGINNING = 1 << 20
#: The files of one database.
_PARTS = ("-shm", "-wal", "")


class Range(NamedTuple):
    """Rows or entries, both ends included."""

    first: int
    last: int


class Holes(NamedTuple):
    """The rows and the entries' numbers that are missing, and the last ones."""

    rows: tuple[Range, ...]
    numbers: tuple[Range, ...]
    last: Place


class Repaired(NamedTuple):
    """How many rows are left, which are missing, which entries' numbers those had at most, where the evidence lies."""

    rows: int
    missing: tuple[Range, ...]
    numbers: tuple[Range, ...]
    evidence: tuple[Path, ...]


def repair(data_dir: Path, known: Sequence[Known], clock: Clock = now_ns) -> Repaired:
    """Put a sound journal in the place of a damaged one, which is kept beside it.

    WrongSettings while accept runs. A crash at any point leaves the damaged journal, or both: calling this again
    goes on from there. The numbers of lost rows are never given out again.
    """
    lock = DirectoryLock.take(data_dir)
    try:
        if not (data_dir / REPAIRED).exists():
            _build(data_dir, known, clock)
        return _install(data_dir)
    finally:
        lock.release()


def _build(data_dir: Path, known: Sequence[Known], clock: Clock) -> None:
    building = data_dir / f"{REPAIRED}.tmp"
    _remove(building)
    with closing(open_writer(building, MIGRATIONS, "FULL")) as connection:
        connection.execute("BEGIN")
        _fill(connection, data_dir, known, clock)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    # Appears whole or not at all.
    building.rename(data_dir / REPAIRED)
    _sync(data_dir)


def _fill(connection: sqlite3.Connection, data_dir: Path, known: Sequence[Known], clock: Clock) -> None:
    marked, note = read_mark(data_dir), damage.noted(data_dir)
    log = _log(data_dir, marked, known)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'log'", (log,))
    connection.executemany(_INSERT, map(_texts, _found(data_dir, log)))
    found = holes(connection)
    seqs = [place.seq for place in known if place.log == log] + ([] if note is None else [note.seq])
    last = _last_given_out(found.last, marked, max(seqs, default=0))
    found = _up_to(found, last)
    connection.executemany("INSERT INTO lost VALUES (?, ?)", found.rows)
    told = own_draft(ACTION, _attributes(found, "" if note is None else note.what), clock())
    connection.execute(INSERT, columns_of(told, last.seq + 1, last.number + 1))


def _found(data_dir: Path, log: str) -> Iterator[Columns]:
    """What the file holds, then what its write-ahead log does; nothing when they are another log's."""
    if _named_in(data_dir / FILE) in (log, None):
        pages = Pages(data_dir / FILE)
        yield from pages.rows()
        yield from LogPages(data_dir / f"{FILE}-wal", pages).rows()


def _texts(columns: Columns) -> Columns:
    seq, kind, tenant, event_id, *others = columns
    return (seq, kind.decode(), tenant.decode(), None if event_id is None else event_id.decode(), *others)


def _log(data_dir: Path, marked: Mark | None, known: Sequence[Known]) -> str:
    """The log's name, from whoever still knows it."""
    if marked is not None:
        return marked.log
    named = _named_in(data_dir / FILE) or _named_in(data_dir / f"{FILE}-wal")
    if named is not None:
        return named
    if not known:
        raise WrongSettings([f"data_dir: there is nothing in {data_dir} that tells of a journal"])
    return max(known, key=lambda place: place.seq).log


def _named_in(path: Path) -> str | None:
    """The log's name as it stands near the beginning of a file."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        found = _LOG.search(file.read(_BEGINNING))
    return None if found is None else found[0].decode()


def holes(connection: sqlite3.Connection) -> Holes:
    """What is missing between the first row and the last."""
    rows, numbers, last = [], [], Place(0, -1)
    for seq, number in connection.execute("SELECT seq, number FROM journal ORDER BY seq"):
        if seq > last.seq + 1:
            rows.append(Range(last.seq + 1, seq - 1))
        if number is not None and number > last.number + 1:
            numbers.append(Range(last.number + 1, number - 1))
        last = Place(seq, last.number if number is None else number)
    return Holes(tuple(rows), tuple(numbers), last)


def _last_given_out(last: Place, marked: Mark | None, known_seq: int) -> Place:
    """The last row, and the highest number that an entry before it may have had."""
    if marked is not None and marked.seq > last.seq:
        last = Place(marked.seq, max(marked.number, last.number))
    if known_seq > last.seq:  # nobody knows how many of these rows were entries: perhaps all
        last = Place(known_seq, last.number + known_seq - last.seq)
    return last


def _up_to(found: Holes, last: Place) -> Holes:
    """*found*, and what is missing at the end."""
    rows = (Range(found.last.seq + 1, last.seq),) if last.seq > found.last.seq else ()
    numbers = (Range(found.last.number + 1, last.number),) if last.number > found.last.number else ()
    return Holes(found.rows + rows, found.numbers + numbers, last)


def _attributes(found: Holes, what: str) -> dict[str, object]:
    rows = sum(each.last - each.first + 1 for each in found.rows)
    told = f"{rows} rows of the journal are missing" if rows else "no row of the journal is missing"
    return {
        "audit.severity": "critical" if rows else "warning",
        "audit.actor.type": "system",
        "audit.target.type": "journal",
        "audit.reason": f"{told}; it was damaged: {what}" if what else told,
        "audit.metadata.missing_rows": rows,
        "audit.metadata.missing_seqs": _named(found.rows),
        "audit.metadata.missing_indexes": _named(found.numbers),
    }


def _named(ranges: Sequence[Range]) -> list[str]:
    return [f"{each.first}-{each.last}" for each in ranges[:NAMED_MAX]]


# -- putting it in its place


def _install(data_dir: Path) -> Repaired:
    """Move the damaged files away and the repaired one in; done again, it goes on where it was."""
    with closing(open_writer(data_dir / REPAIRED, MIGRATIONS, "FULL")) as connection:
        found = holes(connection)
        [rows] = connection.execute("SELECT count(*) FROM journal").fetchone()
        [log] = connection.execute("SELECT value FROM meta WHERE name = 'log'").fetchone()
    beside = f"journal.damaged-{found.last.seq}.db"
    for part in _PARTS:  # the log before its file: no file is ever beside another's log
        with suppress(FileNotFoundError):
            (data_dir / f"{FILE}{part}").rename(data_dir / f"{beside}{part}")
    _sync(data_dir)
    (data_dir / REPAIRED).rename(data_dir / FILE)
    writer = MarkWriter(data_dir)
    for _ in range(2):  # both places: what they said was of the damaged one
        writer.write(Mark(log, *found.last))
    writer.close()
    (data_dir / damage.FILE).unlink(missing_ok=True)
    _sync(data_dir)
    return Repaired(rows - 1, found.rows, found.numbers, tuple(sorted(data_dir.glob(f"{beside}*"))))


def _remove(database: Path) -> None:
    for part in _PARTS:
        database.with_name(database.name + part).unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
