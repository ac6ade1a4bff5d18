"""The journal as the other processes see it."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from receiver.errors import Damaged, Unavailable
from receiver.journal.table import FILE
from receiver.row import Kind, Row
from receiver.sqlite import open_reader

_COLUMNS = 'seq, kind, tenant, event_id, number, "values", seen, outlier, received_ns, digest'


class JournalReader:
    """Reads what is committed while another process writes; used by one thread at a time.

    Every call raises Unavailable when the file does not answer now, Damaged when it is not a journal any more.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
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
        return [_row(columns) for columns in self._ask(query, after_seq, limit)]

    def last_seq(self) -> int:
        """The last row's number; 0 when there is none."""
        return int(self._ask("SELECT coalesce(max(seq), 0) FROM journal")[0][0])

    def first_after(self, seq: int, kind: Kind = "entry") -> Row | None:
        """The first row of *kind* after *seq*."""
        query = f"SELECT {_COLUMNS} FROM journal WHERE seq > ? AND kind = ? ORDER BY seq LIMIT 1"  # noqa: S608
        found = self._ask(query, seq, kind)
        return _row(found[0]) if found else None

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
            raise Damaged(f"the journal is broken: {error}", f"keep {FILE} for examination") from error


def _row(columns: Sequence[Any]) -> Row:
    seq, kind, tenant, event_id, number, values, seen, outlier, received_ns, digest = columns
    return Row(seq, kind, tenant, event_id, number, values, seen, bool(outlier), received_ns, digest)
