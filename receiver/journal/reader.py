"""The journal as the other processes see it."""

from collections.abc import Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from receiver.journal.row import Kind, Row
from receiver.journal.table import FILE
from receiver.sqlite import open_reader

_COLUMNS = 'seq, kind, tenant, event_id, number, "values", seen, outlier, received_ns'


class JournalReader:
    """Reads what is committed while another process writes; used by one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._version = -1
        self.log: str = connection.execute("SELECT value FROM meta WHERE name = 'log'").fetchone()[0]

    @classmethod
    def open(cls, data_dir: Path) -> "JournalReader":
        """The journal in *data_dir*; Unavailable while accept has not made it yet."""
        return cls(open_reader(data_dir / FILE))

    def read(self, after_seq: int, limit: int) -> list[Row]:
        """At most *limit* rows after *after_seq*, in the order they were journalled."""
        query = f"SELECT {_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        return [_row(columns) for columns in self._connection.execute(query, (after_seq, limit))]

    def last_seq(self) -> int:
        """The last row's number; 0 when there is none."""
        return int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0])

    def first_after(self, seq: int, kind: Kind = "entry") -> Row | None:
        """The first row of *kind* after *seq*."""
        query = f"SELECT {_COLUMNS} FROM journal WHERE seq > ? AND kind = ? ORDER BY seq LIMIT 1"  # noqa: S608
        columns = self._connection.execute(query, (seq, kind)).fetchone()
        return None if columns is None else _row(columns)

    def changed(self) -> bool:
        """Whether anything was committed since the last call; True the first time. Costs microseconds."""
        before, self._version = self._version, self._connection.execute("PRAGMA data_version").fetchone()[0]
        return before != self._version

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _row(columns: Sequence[Any]) -> Row:
    seq, kind, tenant, event_id, number, values, seen, outlier, received_ns = columns
    return Row(seq, kind, tenant, event_id, number, values, seen, bool(outlier), received_ns)
