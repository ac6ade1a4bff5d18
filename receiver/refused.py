"""What the index refuses for good: journalled entries it does not hold, and why, in ``refused.db``.

The index's writer keeps them here before its cursor moves on. The store is bounded: when it is full the writer waits,
for nothing is thrown away, until a person has put some again or dropped them.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from receiver.clock import Clock, now_ns
from receiver.config import Index
from receiver.errors import Damaged, Unavailable
from receiver.sqlite import Readers, open_writer, writing

FILE = "refused.db"

MIGRATIONS = (
    """
    CREATE TABLE refused (
        seq INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        reason TEXT NOT NULL,
        since_ns INTEGER NOT NULL,
        nth INTEGER NOT NULL,
        entry BLOB NOT NULL
    )
    """,
)
_KEEP = """
    INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        reason = excluded.reason, since_ns = excluded.since_ns, nth = excluded.nth, entry = excluded.entry
"""
_OTHERS = (
    "SELECT count(*), coalesce(sum(length(entry)), 0) FROM refused WHERE seq NOT IN (SELECT value FROM json_each(?))"
)
_PAGE = """
    SELECT seq FROM refused WHERE tenant = :tenant AND (:before IS NULL OR seq < :before) ORDER BY seq DESC LIMIT :limit
"""
_SIZE = "SELECT count(*), coalesce(sum(length(entry)), 0) FROM refused"


class Refusal(NamedTuple):
    """A journalled entry that the index does not take: its row, whose it is, why, and what it says as JSON."""

    seq: int
    tenant: str
    reason: str
    entry: bytes


#: Returns when the refusals are durable; Unavailable when there is no room for them.
Refuse = Callable[[Sequence[Refusal]], None]


class Size(NamedTuple):
    """How many entries lie in the store, of how many bytes."""

    entries: int
    bytes: int


def nowhere(refusals: Sequence[Refusal]) -> None:
    """The store of a writer that was given none: it stops rather than pass an entry over."""
    first = refusals[0]
    raise Damaged(f"the index refuses row {first.seq}: {first.reason}", "run the follower, which keeps it aside")


class RefusedStore:
    """The writing end; the threads of one process take turns."""

    def __init__(self, data_dir: Path, settings: Index, clock: Clock = now_ns) -> None:
        self._connection = open_writer(data_dir / FILE, MIGRATIONS, "FULL")
        self._max = Size(settings.refused_max_entries, settings.refused_max_bytes)
        self._clock = clock
        self._turn = threading.Lock()
        #: How many were kept so far, those of earlier processes that lie here included.
        self._count: int = self._connection.execute("SELECT coalesce(max(nth), 0) FROM refused").fetchone()[0]

    def keep(self, refusals: Sequence[Refusal]) -> None:
        """Return once all of *refusals* would survive a power cut; Unavailable, and none is kept, when it is full.

        A store in which nothing else lies takes one of any size.
        """
        with self._writing() as connection:
            for each in refusals:
                self._make_sure_it_fits(connection, each)
                self._count += 1
                kept = (each.seq, each.tenant, each.reason, self._clock(), self._count, each.entry)
                connection.execute(_KEEP, kept)

    def mark(self) -> int:
        """This moment: what is kept from now on lies behind the mark."""
        with self._turn:
            return self._count

    def forget(self, seqs: Iterable[int], mark: int) -> None:
        """The index has these rows now, but for those that were kept, or kept again, behind *mark*."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM refused WHERE seq = ? AND nth <= ?", [(seq, mark) for seq in seqs])

    def drop(self, seq: int, at_ns: int) -> None:
        """Somebody wanted a row dropped at that moment: one that was refused only later is another matter."""
        with self._writing() as connection:
            connection.execute("DELETE FROM refused WHERE seq = ? AND since_ns <= ?", (seq, at_ns))

    def size(self) -> Size:
        """How full it is."""
        with self._writing() as connection:
            return Size(*connection.execute(_SIZE).fetchone())

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._connection.close()

    def _make_sure_it_fits(self, connection: sqlite3.Connection, refusal: Refusal) -> None:
        others = Size(*connection.execute(_OTHERS, (refusal.seq,)).fetchone())
        full = others.entries >= self._max.entries or others.bytes + len(refusal.entry) > self._max.bytes
        if others.entries and full:
            raise Unavailable(
                f"{FILE} is full: {others.entries} entries that the index refuses, the last because of "
                f"{refusal.reason}; see otel-audit deadletter list",
                retry_after_s=5.0,
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._turn, writing(self._connection, FILE, "stop, move it away, start, reindex") as connection:
            yield connection


class RefusedReader:
    """The reading end; any number of threads."""

    def __init__(self, data_dir: Path) -> None:
        self._readers = Readers(data_dir / FILE)

    def page(self, tenant: str, before: int | None, limit: int) -> list[int]:
        """At most *limit* rows of *tenant*, those before *before* where that is said, the latest first."""
        with self._readers.reading() as db:
            return [seq for (seq,) in db.execute(_PAGE, {"tenant": tenant, "before": before, "limit": limit})]

    def one(self, tenant: str, seq: int) -> Refusal | None:
        """One of them."""
        with self._readers.reading() as db:
            found = db.execute(
                "SELECT seq, tenant, reason, entry FROM refused WHERE tenant = ? AND seq = ?", (tenant, seq)
            ).fetchone()
        return None if found is None else Refusal(*found)

    def count(self, tenant: str) -> int:
        """How many entries of *tenant* the index does not hold."""
        with self._readers.reading() as db:
            return int(db.execute("SELECT count(*) FROM refused WHERE tenant = ?", (tenant,)).fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._readers.close()
