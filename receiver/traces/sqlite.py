"""Spans in a SQLite file of their own, ``spans.db``."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from receiver.clock import Clock, now_ns
from receiver.errors import Damaged, Unavailable
from receiver.sqlite import open_reader, open_writer, writing
from receiver.traces.port import Found
from receiver.traces.span import Span
from receiver.traces.stored import completeness, from_stored, to_stored

FILE = "spans.db"
_HINT = "stop, move it away, start: spans that come from then on are kept"

_MIGRATIONS = (
    """
    CREATE TABLE span (
        tenant TEXT NOT NULL,
        trace_id TEXT NOT NULL,
        span_id TEXT NOT NULL,
        start_ns INTEGER NOT NULL,
        end_ns INTEGER NOT NULL,
        attributes INTEGER NOT NULL,
        stored BLOB NOT NULL,
        PRIMARY KEY (trace_id, tenant, span_id)
    ) WITHOUT ROWID;
    CREATE TABLE cursor (log TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
    """,
    # How old the spans are that are there already is not known: they count as put at this moment.
    """
    ALTER TABLE span ADD COLUMN put_ns INTEGER NOT NULL DEFAULT 0;
    UPDATE span SET put_ns = CAST(strftime('%s', 'now') AS INTEGER) * 1000000000;
    CREATE INDEX span_by_age ON span (put_ns);
    """,
    """
    CREATE TABLE link (
        linked TEXT NOT NULL, tenant TEXT NOT NULL, trace_id TEXT NOT NULL, span_id TEXT NOT NULL,
        put_ns INTEGER NOT NULL, PRIMARY KEY (linked, tenant, trace_id, span_id)
    ) WITHOUT ROWID;
    CREATE INDEX link_by_age ON link (put_ns);
    INSERT OR IGNORE INTO link
        SELECT each.value ->> 0, tenant, trace_id, span_id, put_ns
        FROM span, json_each(CAST(stored AS TEXT), '$.links') AS each;
    """,
)
# Times of OTLP are unsigned; what lies beyond SQLite's integers is compared as its largest.
_INTEGER_MAX = 2**63 - 1
_PUT = """
    INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        start_ns = excluded.start_ns, end_ns = excluded.end_ns,
        attributes = excluded.attributes, stored = excluded.stored, put_ns = excluded.put_ns
    WHERE (end_ns, attributes) < (excluded.end_ns, excluded.attributes)
"""
_EXPIRE = """
    DELETE FROM span WHERE (trace_id, tenant, span_id) IN (
        SELECT trace_id, tenant, span_id FROM span WHERE put_ns < ? ORDER BY put_ns LIMIT ?
    )
"""
_LINK = "INSERT OR REPLACE INTO link VALUES (?, ?, ?, ?, ?)"
_LINKING = """
    SELECT DISTINCT stored FROM json_each(?) AS asked
    CROSS JOIN link ON link.linked = asked.value AND link.tenant = ?
    CROSS JOIN span USING (trace_id, tenant, span_id) LIMIT ?
"""
_EXPIRE_LINKS = "DELETE FROM link WHERE put_ns < ?"
#: Spans deleted at once, so that a put never waits long.
EXPIRED_MAX = 1_000
_TRACE = "SELECT stored FROM span WHERE trace_id = ? AND tenant = ? ORDER BY start_ns, span_id LIMIT ?"


class SqliteSpans:
    """One row a span. Opened for writing by one process, for reading by any number; threads take turns."""

    name = "sqlite"

    def __init__(self, data_dir: Path, trace_max_spans: int, *, write: bool, clock: Clock = now_ns) -> None:
        path = data_dir / FILE
        self._max = trace_max_spans
        self._clock = clock
        self._turn = threading.Lock()
        self._connection = open_writer(path, _MIGRATIONS) if write else open_reader(path)

    def prepare(self) -> None:
        """Opening has set up everything."""

    def put(self, spans: Sequence[Span]) -> None:
        """See :class:`~receiver.traces.port.SpanStore`. One transaction: a crash leaves all of them or none."""
        put_ns = self._clock()
        rows = [(*_row(span), put_ns) for span in spans]
        links = [(to, span.tenant, span.trace_id, span.span_id, put_ns) for span in spans for to, _ in span.links]
        with self._turn, writing(self._connection, FILE, _HINT) as connection:
            connection.executemany(_PUT, rows)
            connection.executemany(_LINK, links)

    def expire(self, before_ns: int) -> bool:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with self._turn, _answering():
            if self._connection.execute(_EXPIRE, (before_ns, EXPIRED_MAX)).rowcount == EXPIRED_MAX:
                return True
            self._connection.execute(_EXPIRE_LINKS, (before_ns,))
            return False

    def advance(self, log: str, cursor: int) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with self._turn, _answering():
            self._connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (log, cursor))

    def cursor(self, log: str) -> int:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with self._turn, _answering():
            found = self._connection.execute("SELECT position FROM cursor WHERE log = ?", (log,)).fetchone()
        return 0 if found is None else int(found[0])

    def trace(self, tenant: str, trace_id: str) -> Found:
        """See :class:`~receiver.traces.port.TraceSource`."""
        with self._turn, _answering():
            rows = self._connection.execute(_TRACE, (trace_id, tenant, self._max + 1)).fetchall()
        spans = tuple(from_stored(orjson.loads(stored)) for (stored,) in rows[: self._max])
        return Found(spans, len(rows) > self._max)

    def linking(self, tenant: str, traces: Sequence[str], limit: int) -> Sequence[Span]:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with self._turn, _answering():
            rows = self._connection.execute(_LINKING, (orjson.dumps(traces).decode(), tenant, limit)).fetchall()
        return [from_stored(orjson.loads(stored)) for (stored,) in rows]

    def close(self) -> None:
        """See :class:`~receiver.traces.port.TraceSource`."""
        self._connection.close()


@contextmanager
def _answering() -> Iterator[None]:
    """Turns SQLite's trouble into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:  # locked, or the disk is full: the same again may work
        raise Unavailable(f"{FILE}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{FILE}: {error}", _HINT) from error


def _row(span: Span) -> tuple[str | int | bytes, ...]:
    end_ns, attributes = completeness(span)
    bounded = (min(span.start_ns, _INTEGER_MAX), min(end_ns, _INTEGER_MAX))
    return span.tenant, span.trace_id, span.span_id, *bounded, attributes, orjson.dumps(to_stored(span))
