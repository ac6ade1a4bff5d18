"""The journal as the other processes see it."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from receiver.errors import Damaged, Unavailable
from receiver.journal.checksum import COLUMNS, is_whole
from receiver.journal.damage import damaged
from receiver.journal.table import FILE
from receiver.row import Kind, Row
from receiver.sqlite import open_reader

_COLUMNS = ", ".join(f'"{column}"' for column in COLUMNS)
_LOST = "SELECT 1 FROM lost WHERE first <= ? AND last >= ?"


class JournalReader:
    """Reads what is committed while another process writes; used by one thread at a time.

    Every call raises Unavailable when the file does not answer now, Damaged when it is not a journal any more.
    """

    def __init__(self, data_dir: Path, connection: sqlite3.Connection) -> None:
        self._data_dir = data_dir
        self._connection = connection
        self._connection.text_factory = bytes  # read as they are: a flipped bit may leave no text behind
        self._version = -1
        self.log: str = self._ask("SELECT value FROM meta WHERE name = 'log'")[0][0].decode()

    @classmethod
    def open(cls, data_dir: Path) -> "JournalReader":
        """The journal in *data_dir*; Unavailable while accept has not made it yet."""
        try:
            connection = open_reader(data_dir / FILE)
        except Damaged as error:
            raise damaged(data_dir, str(error.__cause__)) from error
        try:
            return cls(data_dir, connection)
        except BaseException:
            connection.close()
            raise

    def read(self, after_seq: int, limit: int) -> list[Row]:
        """At most *limit* rows after *after_seq*, in the order they were journalled, none of them left out."""
        query = f"SELECT {_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        found = self._ask(query, after_seq, limit)
        for before, (seq, *_) in enumerate(found, start=after_seq):
            if seq != before + 1:
                self._look_into_holes(after_seq, found)
                break
        return [self._row(columns) for columns in found]

    def last_seq(self) -> int:
        """The last row's number; 0 when there is none."""
        return int(self._ask("SELECT coalesce(max(seq), 0) FROM journal")[0][0])

    def first_after(self, seq: int, kind: Kind = "entry") -> Row | None:
        """The first row of *kind* after *seq*."""
        query = f"SELECT {_COLUMNS} FROM journal WHERE seq > ? AND kind = ? ORDER BY seq LIMIT 1"  # noqa: S608
        found = self._ask(query, seq, kind)
        return self._row(found[0]) if found else None

    def must_reach(self, seq: int, who: str) -> None:
        """Damaged when the journal ends before *seq*, which *who* has seen."""
        last = self.last_seq()
        if last < seq:
            raise damaged(self._data_dir, f"it ends at row {last}, and {who} has seen row {seq}", seq)

    def changed(self) -> bool:
        """Whether anything was committed since the last call; True the first time. Costs microseconds."""
        before, self._version = self._version, self._ask("PRAGMA data_version")[0][0]
        return before != self._version

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _ask(self, query: str, *parameters: object) -> list[Any]:
        try:
            return self._connection.execute(query, parameters).fetchall()
        except sqlite3.OperationalError as error:  # its writer is just starting again after a crash
            raise Unavailable(f"the journal does not answer: {error}") from error
        except sqlite3.DatabaseError as error:
            raise damaged(self._data_dir, str(error)) from error

    def _look_into_holes(self, after_seq: int, found: Sequence[Any]) -> None:
        """Damaged when rows are missing that no repair has given up."""
        before = after_seq
        for seq, *_ in found:
            if seq != before + 1 and not self._ask(_LOST, before + 1, seq - 1):
                raise damaged(self._data_dir, f"row {seq} follows row {before}", seq)
            before = seq

    def _row(self, columns: Sequence[Any]) -> Row:
        if not is_whole(columns):
            raise damaged(self._data_dir, f"row {columns[0]} is not what was written")
        seq, kind, tenant, event_id, number, digest, values, seen, outlier, received_ns, _ = columns
        event_id = None if event_id is None else event_id.decode()
        return Row(
            seq, kind.decode(), tenant.decode(), event_id, number, values, seen, bool(outlier), received_ns, digest
        )
