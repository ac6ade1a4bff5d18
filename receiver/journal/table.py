"""The journal's one table, and what a transaction on it does."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from receiver.row import Draft

FILE = "journal.db"

#: ``number`` is the entry's index (a keyword of SQL); ``leaf`` is filled by the sealer.
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
)

REUSED = "event id used again for a different event"

_KNOWN_ENTRIES = """
    SELECT journal.tenant, journal.event_id, journal.digest, journal.number
    FROM json_each(?) AS asked CROSS JOIN journal
    ON journal.kind = 'entry' AND journal.tenant = asked.value ->> 0 AND journal.event_id = asked.value ->> 1
"""
_INSERT_ENTRY = """
    INSERT INTO journal (kind, tenant, event_id, number, digest, "values", seen, outlier, received_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_OTHER = _INSERT_ENTRY + " ON CONFLICT DO NOTHING"


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


def write(connection: sqlite3.Connection, requests: Sequence[Sequence[Draft]]) -> list[Appended]:
    """Store the drafts of *requests* inside the open transaction, each event once, and say what became of each."""
    # Asked of the file every time: after a commit that failed nobody knows what it left behind.
    following = connection.execute("SELECT max(number) FROM journal WHERE kind = 'entry'").fetchone()[0]
    batch = _Batch(connection, _known(connection, requests), 0 if following is None else following + 1)
    appended = [batch.add(drafts) for drafts in requests]
    batch.insert_entries()
    return appended


def _known(connection: sqlite3.Connection, requests: Iterable[Sequence[Draft]]) -> dict[tuple[str, str], Known]:
    """The entries of the journal with the ids of *requests*, found by one lookup."""
    asked = [(draft.tenant, draft.event_id) for drafts in requests for draft in drafts if draft.kind == "entry"]
    if not asked:
        return {}
    rows = connection.execute(_KNOWN_ENTRIES, (orjson.dumps(asked).decode(),))
    return {(tenant, event_id): Known(digest, number) for tenant, event_id, digest, number in rows}


class _Batch:
    """The rows of one transaction: numbers new entries, recognises those already there or earlier in the batch."""

    def __init__(
        self, connection: sqlite3.Connection, known: Mapping[tuple[str, str], Known], next_number: int
    ) -> None:
        self._connection = connection
        self._known = dict(known)
        self._next_number = next_number
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
        self._connection.executemany(_INSERT_ENTRY, self._entries)
        self._entries.clear()

    def _number(self, draft: Draft) -> Known:
        known = Known(draft.digest, self._next_number)
        self._known[draft.tenant, draft.event_id or ""] = known
        self._entries.append(_columns(draft, self._next_number))
        self._next_number += 1
        return known

    def _insert_other(self, draft: Draft) -> bool:
        self.insert_entries()  # rows stand in the order they came
        return self._connection.execute(_INSERT_OTHER, _columns(draft, None)).rowcount == 1


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


def _columns(draft: Draft, number: int | None) -> tuple[object, ...]:
    return (
        draft.kind,
        draft.tenant,
        draft.event_id,
        number,
        draft.digest,
        draft.values,
        draft.seen,
        draft.outlier,
        draft.received_ns,
    )
