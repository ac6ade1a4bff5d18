"""What processes other than accept have to say: drafts on disk until they are journalled, each once.

``outbox/<process>.db`` has two ends. The process it is named after appends; accept reads, journals, and only then
deletes. Both write, in short transactions that SQLite puts in turn. Killed between journalling and deleting, accept
reads the same drafts again, and the journal knows them by their event id.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from receiver.errors import Busy, Damaged, Unavailable
from receiver.row import Draft
from receiver.sqlite import open_reader, open_writer, writing

DIRECTORY = "outbox"
#: So many bytes of drafts are read at once, and one draft at least.
READ_MAX_BYTES = 4 * 1024 * 1024
READ_MAX_DRAFTS = 1000
_HINT = "keep it for examination, and start without it"

MIGRATIONS = (
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        tenant TEXT NOT NULL,
        event_id TEXT,
        digest BLOB NOT NULL,
        "values" BLOB NOT NULL,
        seen BLOB NOT NULL,
        outlier INTEGER NOT NULL,
        received_ns INTEGER NOT NULL,
        anomalies TEXT NOT NULL
    )
    """,
)
_FIELDS = 'kind, tenant, event_id, digest, "values", seen, outlier, received_ns, anomalies'
_INSERT = f"INSERT INTO outbox ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_READ = f"SELECT id, {_FIELDS} FROM outbox ORDER BY id LIMIT {READ_MAX_DRAFTS}"  # noqa: S608
#: What is deleted is always the oldest: two look-ups count what waits.
_WAITING = "SELECT coalesce((SELECT max(id) FROM outbox) - (SELECT min(id) FROM outbox) + 1, 0)"


class Outbox:
    """The appending end; any number of threads append at once."""

    def __init__(self, data_dir: Path, process: str, waiting_max: int) -> None:
        """The outbox of *process*, made if it is not there; at most *waiting_max* drafts wait in it."""
        self._path = data_dir / DIRECTORY / f"{process}.db"
        self._connection = open_writer(self._path, MIGRATIONS, "FULL")
        self._waiting_max = waiting_max
        self._turn = threading.Lock()

    def append(self, drafts: Sequence[Draft]) -> None:
        """Return once all of *drafts* would survive a power cut and will be journalled; raise, and none will.

        Busy when too many wait, Unavailable when the disk does not take them.
        """
        with self._turn, writing(self._connection, self._path.name, _HINT):
            if _waiting(self._connection) + len(drafts) > self._waiting_max:
                raise Busy(f"{self._waiting_max} drafts wait in {self._path.name} for accept")
            self._connection.executemany(_INSERT, map(_columns, drafts))

    def close(self) -> None:
        """Let go of the file; what waits in it stays."""
        with self._turn:
            self._connection.close()


class Delivery(NamedTuple):
    """The oldest drafts of one outbox, and the number of the last of them."""

    process: str
    drafts: tuple[Draft, ...]
    last: int


class Outboxes:
    """The reading end: all outboxes of a data directory. One thread at a time uses it."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / DIRECTORY
        self._open: dict[str, sqlite3.Connection] = {}

    def processes(self) -> list[str]:
        """Those that have an outbox."""
        return sorted(path.stem for path in self._directory.glob("*.db"))

    def delivery(self, process: str) -> Delivery | None:
        """The oldest drafts of *process*; None when none wait. Unavailable or Damaged when they cannot be read."""
        connection = self._connection(process)
        if connection is None:
            return None
        with _named(self._path(process)):
            return _delivery(process, connection)

    def delete(self, delivery: Delivery) -> None:
        """Forget what was journalled. A crash before that only makes it come again."""
        connection = self._open[delivery.process]
        with writing(connection, self._path(delivery.process).name, _HINT):
            connection.execute("DELETE FROM outbox WHERE id <= ?", (delivery.last,))

    def waiting(self) -> dict[str, int]:
        """Process ▶ how many of its drafts wait."""
        counts = {}
        for process, connection in self._open.items():
            with _named(self._path(process)):
                counts[process] = _waiting(connection)
        return counts

    def close(self) -> None:
        """Let go of the files."""
        while self._open:
            self._open.popitem()[1].close()

    def _path(self, process: str) -> Path:
        return self._directory / f"{process}.db"

    def _connection(self, process: str) -> sqlite3.Connection | None:
        """None while the process has not finished making its outbox."""
        if process not in self._open:
            try:
                # Only a file whose tables are there is opened for writing: making them is the appender's.
                with closing(open_reader(self._path(process))):
                    self._open[process] = open_writer(self._path(process), MIGRATIONS)
            except Unavailable:
                return None
        return self._open[process]


def _delivery(process: str, connection: sqlite3.Connection) -> Delivery | None:
    drafts: list[Draft] = []
    last = size = 0
    for number, *columns in connection.execute(_READ):
        draft = _draft(columns)
        size += len(draft.values) + len(draft.seen)
        if drafts and size > READ_MAX_BYTES:
            break
        drafts.append(draft)
        last = number
    return Delivery(process, tuple(drafts), last) if drafts else None


def _waiting(connection: sqlite3.Connection) -> int:
    return int(connection.execute(_WAITING).fetchone()[0])


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """SQLite's errors in this block by the name of who acts next."""
    try:
        yield
    except sqlite3.OperationalError as error:  # full, slow or locked: the same again may work
        raise Unavailable(f"{path.name} does not answer: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{path} is broken: {error}", _HINT) from error


def _columns(draft: Draft) -> tuple[object, ...]:
    return (
        draft.kind,
        draft.tenant,
        draft.event_id,
        draft.digest,
        draft.values,
        draft.seen,
        draft.outlier,
        draft.received_ns,
        orjson.dumps(draft.anomalies).decode(),
    )


def _draft(columns: Sequence[Any]) -> Draft:
    kind, tenant, event_id, digest, values, seen, outlier, received_ns, anomalies = columns
    marks = tuple(orjson.loads(anomalies))
    return Draft(kind, tenant, event_id, digest, values, seen, bool(outlier), received_ns, marks)
