"""Is the journal at least what somebody knows it was? Asked at every start, of local files alone."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from receiver.journal import table
from receiver.journal.damage import damaged, error_of, noted
from receiver.journal.mark import Mark, read_mark
from receiver.journal.reader import JournalReader

#: A journal whose repair was cut short waits under this name.
REPAIRED = "journal.db.repaired"
#: So many of the last rows are read at a start, where a torn write would be.
TAIL_ROWS = 1000


class Known(NamedTuple):
    """A place in *log* that *who* has durably reached."""

    who: str
    log: str
    seq: int


def examine_files(data_dir: Path, known: Sequence[Known]) -> None:
    """Damaged when somebody found damage, a repair is unfinished, or no journal is where one must be."""
    note = noted(data_dir)
    if note is not None:
        raise error_of(note.what)
    if (data_dir / REPAIRED).exists():
        raise error_of("its repair was cut short")
    mark = read_mark(data_dir)
    if (mark is None and not known) or not _is_empty(data_dir / table.FILE):
        return
    places = known if mark is None else (*known, _of(mark))
    highest = max(places, key=lambda place: place.seq)
    raise damaged(data_dir, f"there is none, and {highest.who} has seen row {highest.seq}", highest.seq)


def examine_content(data_dir: Path, connection: sqlite3.Connection, known: Sequence[Known]) -> None:
    """Damaged when the journal is another than its mark says, ends too early, or its last rows are broken."""
    try:
        [log] = connection.execute("SELECT value FROM meta WHERE name = 'log'").fetchone()
        last = table.last(connection)
    except sqlite3.DatabaseError as error:
        raise damaged(data_dir, str(error)) from error
    mark = read_mark(data_dir)
    if mark is not None and mark.log != log:
        raise damaged(data_dir, f"it is {log}, and {mark.log} belongs here", mark.seq)
    if mark is not None and mark.number > last.number:
        raise damaged(data_dir, f"its last entry is {last.number}, and entry {mark.number} was written", mark.seq)
    for place in known if mark is None else (*known, _of(mark)):
        if place.log == log and place.seq > last.seq:
            raise damaged(data_dir, f"it ends at row {last.seq}, and {place.who} has seen row {place.seq}", place.seq)
    _read_tail(data_dir, last.seq)


def _read_tail(data_dir: Path, last_seq: int) -> None:
    reader = JournalReader.open(data_dir)
    try:
        reader.read(max(0, last_seq - TAIL_ROWS), TAIL_ROWS)
    finally:
        reader.close()


def _of(mark: Mark) -> Known:
    return Known("journal.mark", mark.log, mark.seq)


def _is_empty(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0
