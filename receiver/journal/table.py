"""The journal's one table, and what a transaction on it does."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from receiver.journal.checksum import COLUMNS, checksum
from receiver.row import Draft

FILE = "journal.db"

#: ``number`` is the entry's index (a keyword of SQL); ``leaf`` is filled by the sealer. ``seq`` and ``number`` have no
#: holes but those a repair left: the rows of ``lost``, from first to last, are no more.
MIGRATIONS = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('log', 'otel-audit/' || lower(hex(randomblob(6))));
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        tenant TEXT NOT NULL,
        event_id TEXT,
        number INTEGER,
        digest BLOB NOT NULL,
        leaf BLOB,
        "values" BLOB NOT NULL,
        seen BLOB NOT NULL,
        outlier INTEGER NOT NULL,
        received_ns INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX entry_once ON journal (tenant, event_id) WHERE kind = 'entry';
    CREATE UNIQUE INDEX entry_number ON journal (number) WHERE kind = 'entry';
    CREATE UNIQUE INDEX other_once ON journal (tenant, kind, digest) WHERE kind <> 'entry'
    """,
    """
    ALTER TABLE journal ADD COLUMN checksum INTEGER;
    CREATE TABLE lost (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)
    """,
)

REUSED = "event id used again for a different event"

_KNOWN_ENTRIES = """
    SELECT journal.tenant, journal.event_id, journal.digest, journal.number
    FROM json_each(?) AS asked CROSS JOIN journal
    ON journal.kind = 'entry' AND journal.tenant = asked.value ->> 0 AND journal.event_id = asked.value ->> 1
"""
_QUOTED = ", ".join(f'"{column}"' for column in COLUMNS)
INSERT = f"INSERT INTO journal ({_QUOTED}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
_INSERT_OTHER = INSERT + " ON CONFLICT (tenant, kind, digest) WHERE kind <> 'entry' DO NOTHING"
# Two questions in one: each is answered by the end of an index.
_LAST = """
    SELECT (SELECT coalesce(max(seq), 0) FROM journal),
    (SELECT coalesce(max(number), -1) FROM journal WHERE kind = 'entry')
"""


class Appended(NamedTuple):
    """What became of one request's entries and reports: how many were stored, were already there, or conflict.

    ``first`` and ``last`` are the lowest and highest index among its entries, those already there included;
    None without entries. A conflict was quarantined: its id stands for another event.
    """

    first: int | None
    last: int | None
    stored: int
    duplicates: int
    conflicts: int


class Known(NamedTuple):
    """An entry that is already there: what a repeat is compared by, and its index."""

    digest: bytes
    number: int


class Place(NamedTuple):
    """A row's seq and an entry's number."""

    seq: int
    number: int


def last(connection: sqlite3.Connection) -> Place:
    """The last row and the last entry; 0 and -1 where there are none."""
    return Place(*connection.execute(_LAST).fetchone())


def write(connection: sqlite3.Connection, requests: Sequence[Sequence[Draft]]) -> tuple[list[Appended], Place]:
    """Store the drafts of *requests* inside the open transaction, each event once.

    Returns what became of each request, and the last place in the journal.
    """
    # Asked of the file every time: after a commit that failed nobody knows what it left behind.
    batch = _Batch(connection, _known(connection, requests), last(connection))
    appended = [batch.add(drafts) for drafts in requests]
    batch.insert_entries()
    return appended, batch.last


def _known(connection: sqlite3.Connection, requests: Iterable[Sequence[Draft]]) -> dict[tuple[str, str], Known]:
    """The entries of the journal with the ids of *requests*, found by one lookup."""
    asked = [(draft.tenant, draft.event_id) for drafts in requests for draft in drafts if draft.kind == "entry"]
    if not asked:
        return {}
    rows = connection.execute(_KNOWN_ENTRIES, (orjson.dumps(asked).decode(),))
    return {(tenant, event_id): Known(digest, number) for tenant, event_id, digest, number in rows}


class _Batch:
    """The rows of one transaction: numbers new entries, recognises those already there or earlier in the batch."""

    def __init__(self, connection: sqlite3.Connection, known: Mapping[tuple[str, str], Known], last: Place) -> None:
        self._connection = connection
        self._known = dict(known)
        self.last = last
        self._entries: list[tuple[object, ...]] = []

    def add(self, drafts: Sequence[Draft]) -> Appended:
        """Take one request's drafts."""
        numbers: list[int] = []
        stored = duplicates = conflicts = 0
        for draft in drafts:
            if draft.kind == "quarantined":  # counted by whoever found it broken
                self._insert_other(draft)
                continue
            if draft.kind == "report":
                fresh = self._insert_other(draft)
                stored += fresh
                duplicates += not fresh
                continue
            known = self._known.get((draft.tenant, draft.event_id or ""))
            if known is None:
                known = self._number(draft)
                stored += 1
            elif known.digest == draft.digest:
                duplicates += 1
            else:
                self._insert_other(quarantined(draft))
                conflicts += 1
                continue
            numbers.append(known.number)
        return Appended(min(numbers, default=None), max(numbers, default=None), stored, duplicates, conflicts)

    def insert_entries(self) -> None:
        """Write the new entries in one go."""
        if not self._entries:
            return
        self._connection.executemany(INSERT, self._entries)
        self._entries.clear()

    def _number(self, draft: Draft) -> Known:
        self.last = Place(self.last.seq + 1, self.last.number + 1)
        known = Known(draft.digest, self.last.number)
        self._known[draft.tenant, draft.event_id or ""] = known
        self._entries.append(columns_of(draft, self.last.seq, self.last.number))
        return known

    def _insert_other(self, draft: Draft) -> bool:
        self.insert_entries()  # rows stand in the order they came
        seq = self.last.seq + 1
        fresh = self._connection.execute(_INSERT_OTHER, columns_of(draft, seq, None)).rowcount == 1
        if fresh:
            self.last = self.last._replace(seq=seq)
        return fresh


def quarantined(draft: Draft) -> Draft:
    """*draft*, whose id stands for another event, as what is kept of it: all it said, and why it is not an entry."""
    said = orjson.loads(draft.values)
    values = {
        "reason": REUSED,
        "said": said,
        "received_at": said.get("received_at"),
        "sender": said.get("sender"),
    }
    return Draft(
        kind="quarantined",
        tenant=draft.tenant,
        event_id=draft.event_id,
        digest=draft.digest,
        values=orjson.dumps(values),
        seen=draft.seen,
        outlier=draft.outlier,
        received_ns=draft.received_ns,
    )


def columns_of(draft: Draft, seq: int, number: int | None) -> tuple[Any, ...]:
    """*draft* as a row, with its checksum."""
    content = (draft.digest, draft.values, draft.seen, int(draft.outlier), draft.received_ns)
    event_id = None if draft.event_id is None else draft.event_id.encode()
    check = checksum(seq, draft.kind.encode(), draft.tenant.encode(), event_id, number, *content)
    return (seq, draft.kind, draft.tenant, draft.event_id, number, *content, check)
