"""Reads the whole journal and says what is wrong with it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from receiver.errors import Damaged, Unavailable
from receiver.journal.damage import damaged
from receiver.journal.examine import Known, examine_content, examine_files
from receiver.journal.reader import JournalReader
from receiver.journal.table import FILE
from receiver.sqlite import open_reader

BATCH_ROWS = 2000


def inspect(data_dir: Path, known: Sequence[Known], *, whole: bool) -> int:
    """How many rows it holds. Damaged, noted for accept, when it is not what it must be; Unavailable when it is not
    there yet. Without *whole* only its end is read, as at a start.
    """
    examine_files(data_dir, known)
    try:
        connection = open_reader(data_dir / FILE)
    except Damaged as error:
        raise damaged(data_dir, str(error.__cause__)) from error
    with closing(connection):
        examine_content(data_dir, connection, known)
        if whole:
            _check_pages(data_dir, connection)
    with closing(JournalReader.open(data_dir)) as reader:
        last = reader.last_seq()
        _read(reader, 0 if whole else last)
        return last


def _read(reader: JournalReader, after: int) -> None:
    while rows := reader.read(after, BATCH_ROWS):
        after = rows[-1].seq


def _check_pages(data_dir: Path, connection: sqlite3.Connection) -> None:
    """Pages, and whether each index knows each row: a repeat is found by them."""
    try:
        [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the journal does not answer: {error}") from error
    except sqlite3.DatabaseError as error:
        raise damaged(data_dir, str(error)) from error
    if found != "ok":
        raise damaged(data_dir, " ".join(str(found).split()))
