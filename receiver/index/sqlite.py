"""The embedded index: one SQLite file in the data directory."""

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from otel_audit.entry import Entry
from receiver.claims import UNAUTHORISED
from receiver.index import sqlite_query
from receiver.index.amendment import amended, is_of, restored
from receiver.index.moment import position_of
from receiver.index.money import numbers_of
from receiver.index.port import COUNTED_MAX, Facets, Filed, Page, Total
from receiver.index.query import Query
from receiver.index.sqlite_tables import COLUMNS, FILE, MIGRATIONS, columns_of, entry_from, word_text
from receiver.sqlite import MADE_ANEW, Readers, open_writer, writing

_INSERT = f"INSERT INTO entries (id, {', '.join(COLUMNS)}) VALUES (?, {', '.join('?' * len(COLUMNS))})"  # noqa: S608
_AMEND = (
    f"UPDATE entries SET ({', '.join(COLUMNS)}) = ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
    " WHERE tenant = ? AND event_id = ?"
)
_OF_TRACES = """
    SELECT entry FROM json_each(?) AS asked CROSS JOIN entries
    ON entries.tenant = asked.value ->> 0 AND entries.trace_id = asked.value ->> 1 LIMIT ?
"""
_NUMBERS = """
    WITH texts AS (SELECT CAST(entry AS TEXT) AS text FROM entries WHERE tenant = ?)
    SELECT text ->> '$.source.sequence' AS number FROM texts
    WHERE text ->> '$.source.id' = ? AND number BETWEEN ? AND ?
    AND NOT EXISTS (SELECT 1 FROM json_each(text, '$.anomalies') WHERE value = ?) ORDER BY number LIMIT ?
"""
_KNOWN = """
    SELECT tenant, event_id FROM json_each(?) AS asked CROSS JOIN entries
    ON entries.tenant = asked.value ->> 0 AND entries.event_id = asked.value ->> 1
"""
_ONE_WITH_ID = "SELECT id, entry FROM entries WHERE tenant = ? AND event_id = ?"
_ONE = "SELECT entry FROM entries WHERE tenant = ? AND event_id = ?"


class SqliteIndex:
    """One row for each entry. See :class:`~receiver.index.port.EntryIndex`.

    A put is one transaction, its cursor in it: a crash leaves both behind or neither. Partitions are the row's
    business alone, for one file holds them all.
    """

    def __init__(self, path: Path, *, write: bool, numeric: Sequence[str] = ()) -> None:
        """*numeric* are the metadata keys that are filed as numbers."""
        self._numeric = numeric
        self._lock = threading.Lock()
        self._writer = open_writer(path, MIGRATIONS) if write else None
        self._readers = Readers(path)

    @classmethod
    def open(cls, data_dir: Path, *, write: bool, numeric: Sequence[str] = ()) -> "SqliteIndex":
        """The index in *data_dir*. Who only reads may open it before it is made; reading is Unavailable until then."""
        return cls(data_dir / FILE, write=write, numeric=numeric)

    def prepare(self, partitions: Sequence[str]) -> None:
        """Nothing has to be made."""

    def put(self, log: str, filed: Sequence[Filed], cursor: int) -> None:
        """Insert what is not there yet, and move the cursor, in one transaction."""
        with self._writing() as connection:
            _insert_all(connection, _new(connection, [each.entry for each in filed]), self._numeric)
            connection.execute("INSERT OR REPLACE INTO cursors (log, cursor) VALUES (?, ?)", (log, cursor))

    def restore(self, log: str, filed: Sequence[Filed]) -> Sequence[Filed]:
        """Take each row out and put it in again, in one transaction: no reader sees anything in between."""
        with self._writing() as connection:
            return [each for each in filed if self._restore(connection, log, each.entry)]

    def cursor(self, log: str) -> int:
        """The last cursor put for *log*."""
        with self._readers.reading() as connection:
            row = connection.execute("SELECT cursor FROM cursors WHERE log = ?", (log,)).fetchone()
        return 0 if row is None else int(row[0])

    def amend(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None = None
    ) -> bool:
        """Write the row anew, with what it did not have. Words and related keys are said, and stay as they are."""
        with self._writing() as connection:
            row = connection.execute(_ONE, (tenant, event_id)).fetchone()
            if row is None:
                return False
            entry = entry_from(row[0])
            fuller = amended(entry, fields, span_id)
            if fuller is not entry:
                connection.execute(_AMEND, (*columns_of(fuller), tenant, event_id))
            return True

    def get(self, tenant: str, event_id: str) -> Entry | None:
        """One entry, or None."""
        with self._readers.reading() as connection:
            row = connection.execute(_ONE, (tenant, event_id)).fetchone()
        return None if row is None else entry_from(row[0])

    def of_traces(self, traces: Collection[tuple[str, str]], limit: int) -> Sequence[Filed]:
        """One look-up for all of them."""
        with self._readers.reading() as connection:
            rows = connection.execute(_OF_TRACES, (orjson.dumps(list(traces)).decode(), limit)).fetchall()
        return [Filed("", entry_from(text)) for (text,) in rows]

    def is_shared(self, log: str) -> bool:
        """Whether another log has a cursor: the file was filled from another journal before."""
        with self._readers.reading() as connection:
            return connection.execute("SELECT 1 FROM cursors WHERE log <> ?", (log,)).fetchone() is not None

    def numbers(self, tenant: str, source_id: str, first: int, last: int, limit: int) -> Sequence[int]:
        """Every row is read: of this file, which one receiver fills, nobody has to ask it."""
        asked = (tenant, source_id, first, last, UNAUTHORISED, limit)
        with self._readers.reading() as connection:
            return [number for (number,) in connection.execute(_NUMBERS, asked)]

    def search(self, query: Query) -> Page:
        """One page and the count, both as of one moment."""
        page, count = sqlite_query.page(query), sqlite_query.count(query)
        with self._readers.reading() as connection:
            rows = connection.execute(page.sql, page.parameters).fetchall()
            matching = connection.execute(count.sql, count.parameters).fetchone()[0]
        entries = tuple(entry_from(text) for (text,) in rows[: query.limit])
        return Page(
            entries=entries,
            next=position_of(entries[-1], query.time) if len(rows) > query.limit else None,
            total=Total(min(matching, COUNTED_MAX), exact=matching <= COUNTED_MAX),
        )

    def facets(self, query: Query, size: int) -> Facets:
        """Count by each field, all as of one moment."""
        with self._readers.reading() as connection:
            counts = {
                name: tuple(connection.execute(*statement).fetchall())
                for name, statement in sqlite_query.facets(query, size).items()
            }
        return Facets(counts, exact=True)

    def close(self) -> None:
        """Let go of the file."""
        self._readers.close()
        if self._writer is not None:
            self._writer.close()

    def _restore(self, connection: sqlite3.Connection, log: str, entry: Entry) -> bool:
        """Whether it was not there."""
        row = connection.execute(_ONE_WITH_ID, (entry.tenant, entry.event_id)).fetchone()
        if row is None:
            _insert_all(connection, [entry], self._numeric)
            return True
        number, standing = row[0], entry_from(row[1])
        if is_of(log, standing):
            # A number above all others: what is left behind under the old one leads to no row, now or later.
            above = _next_number(connection)
            _take_out(connection, number, standing, self._numeric)
            _insert_all(connection, [restored(entry, standing)], self._numeric, above)
        return False

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._writer is None:
            raise RuntimeError("this index was opened for reading")
        with self._lock, writing(self._writer, FILE, MADE_ANEW) as connection:
            yield connection


def _new(connection: sqlite3.Connection, entries: Sequence[Entry]) -> Iterable[Entry]:
    """Those of *entries* that are not there, each once: the first one stands."""
    first: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        first.setdefault((entry.tenant, entry.event_id), entry)
    for known in connection.execute(_KNOWN, (orjson.dumps(list(first)).decode(),)).fetchall():
        del first[known]
    return first.values()


def _next_number(connection: sqlite3.Connection) -> int:
    """A number above all others."""
    return int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM entries").fetchone()[0])


def _insert_all(
    connection: sqlite3.Connection, entries: Iterable[Entry], numeric: Sequence[str], number: int | None = None
) -> None:
    """File *entries*, none of which is there, under numbers from *number*, or above all others; table by table."""
    numbered = list(enumerate(entries, _next_number(connection) if number is None else number))
    connection.executemany(_INSERT, [(at, *columns_of(entry)) for at, entry in numbered])
    connection.executemany(
        "INSERT INTO words (rowid, text) VALUES (?, ?)", [(at, word_text(entry)) for at, entry in numbered]
    )
    connection.executemany(
        "INSERT OR IGNORE INTO related (tenant, key, id) VALUES (?, ?, ?)",
        [(entry.tenant, key, at) for at, entry in numbered for key in entry.related],
    )
    connection.executemany(
        "INSERT INTO numbers (tenant, key, number, id) VALUES (?, ?, ?, ?)",
        [(entry.tenant, key, each, at) for at, entry in numbered for key, each in numbers_of(entry, numeric)],
    )


def _take_out(connection: sqlite3.Connection, number: int, entry: Entry, numeric: Sequence[str]) -> None:
    """Delete a row and what points at it; of the words, and of what other settings filed, only the way to it."""
    connection.execute("DELETE FROM entries WHERE id = ?", (number,))
    connection.executemany(
        "DELETE FROM related WHERE tenant = ? AND key = ? AND id = ?",
        [(entry.tenant, key, number) for key in entry.related],
    )
    connection.executemany(
        "DELETE FROM numbers WHERE tenant = ? AND key = ? AND number = ? AND id = ?",
        [(entry.tenant, key, each, number) for key, each in numbers_of(entry, numeric)],
    )
