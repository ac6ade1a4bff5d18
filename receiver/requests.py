"""What administrators ask of the follower: to put a dead letter again, to rebuild the index.

A request is an entry of the receiver: it is journalled before anything is done, and again when it is done. This is a
follower's output: the requests of the journal and how far each is, in ``requests.db``. A crash goes on where it was.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from receiver.deadletter.acts import NOT_RETRIED, RETRIED, RETRY_REQUESTED, act_of
from receiver.own import is_own, own_draft
from receiver.row import Draft, Row
from receiver.sqlite import MADE_ANEW, Readers, open_writer, writing

FILE = "requests.db"

REBUILD_REQUESTED = "audit.index.rebuild.requested"
REBUILT = "audit.index.rebuild.completed"
#: Every request or answer about the index has these bytes in its row.
_MARK = b'"audit.index.'
#: So many requests that are done are remembered.
DONE_MAX = 1000

What = Literal["retry", "rebuild"]
State = Literal["open", "done", "failed"]

MIGRATIONS = (
    """
    CREATE TABLE cursor (log TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE requests (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        what TEXT NOT NULL,
        letter INTEGER,
        "partition" TEXT,
        position INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'open',
        reason TEXT
    );
    CREATE INDEX open_requests ON requests (what, seq) WHERE state = 'open'
    """,
)
_INSERT = 'INSERT OR IGNORE INTO requests (seq, id, tenant, what, letter, "partition") VALUES (?, ?, ?, ?, ?, ?)'
_COLUMNS = 'seq, id, tenant, what, letter, "partition", position, state, reason'
_FORGET = """
    DELETE FROM requests WHERE state <> 'open' AND seq <= (
        SELECT seq FROM requests WHERE state <> 'open' ORDER BY seq DESC LIMIT 1 OFFSET ?
    )
"""


class Request(NamedTuple):
    """One request: the row and the id of the entry that asks, and whose letter, or which partition (None: all).

    A rebuild has reached row *position*, and ends at its own row.
    """

    seq: int
    id: str
    tenant: str
    what: What
    letter: int | None
    partition: str | None
    position: int
    state: State
    reason: str | None


def rebuild_requested(partition: str | None, who: Mapping[str, Any], tenant: str, now_ns: int) -> Draft:
    """An administrator wants the index rebuilt, or one partition of it."""
    told = {} if partition is None else {"audit.metadata.partition": partition}
    return own_draft(REBUILD_REQUESTED, {**_INDEX, **who, **told}, now_ns, tenant=tenant)


def rebuilt(request: Request, now_ns: int) -> Draft:
    """It is done."""
    told = {"audit.actor.type": "system", "audit.parent.record.id": request.id}
    if request.partition is not None:
        told["audit.metadata.partition"] = request.partition
    return own_draft(REBUILT, {**_INDEX, **told}, now_ns, tenant=request.tenant)


_INDEX = {"audit.target.type": "index", "audit.target.id": "entries"}


class Requests:
    """The writing end; the threads of one process take turns."""

    def __init__(self, data_dir: Path, log: str) -> None:
        self._db = open_writer(data_dir / FILE, MIGRATIONS)
        self._log = log
        self._turn = threading.Lock()

    def cursor(self) -> int:
        """The last row taken."""
        with self._turn:
            found = self._db.execute("SELECT seq FROM cursor WHERE log = ?", (self._log,)).fetchone()
        return int(found[0]) if found else 0

    def step(self, rows: Sequence[Row]) -> None:
        """Take the requests among *rows*, and what is said of earlier ones, with their place in one transaction."""
        with self._writing() as db:
            for row in rows:
                _take(db, row)
            db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (self._log, rows[-1].seq))

    def next(self) -> Request | None:
        """The oldest that is open; a retry, which is short, before a rebuild."""
        with self._writing() as db:
            return _one(db, "state = 'open' ORDER BY what DESC, seq LIMIT 1", ())

    def reach(self, request: Request, position: int) -> Request:
        """A rebuild is done up to row *position*, in all that is durable."""
        with self._writing() as db:
            db.execute("UPDATE requests SET position = ? WHERE seq = ?", (position, request.seq))
        return request._replace(position=position)

    def close_request(self, request: Request, problem: str | None = None) -> None:
        """It is done, or failed because of *problem*."""
        with self._writing() as db:
            _close(db, request.id, problem)

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._turn, writing(self._db, FILE, MADE_ANEW) as db:
            yield db


class RequestsReader:
    """The reading end; any number of threads."""

    def __init__(self, data_dir: Path) -> None:
        self._readers = Readers(data_dir / FILE)

    def one(self, tenant: str, request_id: str) -> Request | None:
        """A request of *tenant*; None when it is not known, or not yet."""
        with self._readers.reading() as db:
            return _one(db, "tenant = ? AND id = ?", (tenant, request_id))

    def rebuild(self) -> Request | None:
        """Of the rebuilds that are not done, the one that has come least far."""
        with self._readers.reading() as db:
            return _one(db, "state = 'open' AND what = 'rebuild' ORDER BY position LIMIT 1", ())

    def close(self) -> None:
        """Let go of the file."""
        self._readers.close()


def _take(db: sqlite3.Connection, row: Row) -> None:
    if (act := act_of(row)) is not None:
        if act.action == RETRY_REQUESTED:
            db.execute(_INSERT, (row.seq, act.event_id, row.tenant, "retry", act.seq, None))
        elif act.action in (RETRIED, NOT_RETRIED) and act.answers is not None:
            _close(db, act.answers, act.reason if act.action == NOT_RETRIED else None)
    elif row.kind == "entry" and _MARK in row.values and is_own(said := orjson.loads(row.values)):
        if said["action"] == REBUILD_REQUESTED:
            partition = said.get("metadata", {}).get("partition")
            db.execute(_INSERT, (row.seq, said["event_id"], row.tenant, "rebuild", None, partition))
        elif said["action"] == REBUILT:
            _close(db, said["parent_event_id"], None)


def _close(db: sqlite3.Connection, request_id: str, problem: str | None) -> None:
    state: State = "done" if problem is None else "failed"
    db.execute("UPDATE requests SET state = ?, reason = ? WHERE id = ?", (state, problem, request_id))
    db.execute(_FORGET, (DONE_MAX,))


def _one(db: sqlite3.Connection, condition: str, parameters: tuple[str, ...]) -> Request | None:
    found = db.execute(f"SELECT {_COLUMNS} FROM requests WHERE {condition}", parameters).fetchone()  # noqa: S608
    return None if found is None else Request(*found)
