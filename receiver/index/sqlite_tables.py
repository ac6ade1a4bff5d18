"""The tables of ``index.db``: a row for each entry, with what is asked for beside the entry itself."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import orjson

from otel_audit.entry import Entry
from otel_audit.wire import PREFIX
from receiver.index.leaves import Leaf, leaves_of
from receiver.index.moment import event_ns, received_ns
from receiver.index.money import amount_of
from receiver.index.query import EXACT
from receiver.index.words import searched_words

FILE = "index.db"

#: Columns that hold one field of the entry each, as it is.
PLAIN = ("action", *EXACT.values())
COLUMNS = ("tenant", "event_id", "own", "event_ns", "received_ns", "status_code", "amount", *PLAIN, "entry")

#: Filters that leave so few entries that these are better sorted than picked out of all by time.
SELECTIVE = ("trace_id", "user_id", "resource_id", "session_id", "ip_address", "request_id")


def _by(column: str) -> str:
    """An index for entries that have *column*, in the order in which pages are asked for; enough to count them by."""
    return f"CREATE INDEX by_{column} ON entries (tenant, {column}, event_ns, event_id, own) WHERE {column} IS NOT NULL"


#: ``words`` keeps no text and no places: only which word, or which leaf of a state, stands in which entry.
#: Tables of an older form are dropped with their cursor: the journal fills the new ones.
MIGRATIONS = (
    "",
    "",
    f"""
    DROP TABLE IF EXISTS cursors;
    DROP TABLE IF EXISTS entries;
    DROP TABLE IF EXISTS related;
    DROP TABLE IF EXISTS numbers;
    DROP TABLE IF EXISTS words;
    CREATE TABLE cursors (log TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        event_id TEXT NOT NULL,
        own INTEGER NOT NULL,
        event_ns INTEGER NOT NULL,
        received_ns INTEGER NOT NULL,
        status_code INTEGER,
        amount REAL,
        {", ".join(f"{column} TEXT" for column in PLAIN)},
        entry BLOB NOT NULL,
        UNIQUE (tenant, event_id)
    );
    CREATE INDEX by_event_time ON entries (tenant, event_ns, event_id, own);
    CREATE INDEX by_receipt ON entries (tenant, received_ns, event_id, own);
    CREATE INDEX by_action ON entries (tenant, action, event_ns, event_id, own);
    CREATE INDEX by_resource ON entries (tenant, resource_type, resource_id, event_ns, event_id, own)
        WHERE resource_id IS NOT NULL;
    {_by("trace_id")};
    {_by("user_id")};
    {_by("session_id")};
    {_by("ip_address")};
    {_by("request_id")};
    CREATE TABLE related (tenant TEXT, key TEXT, id INTEGER, PRIMARY KEY (tenant, key, id)) WITHOUT ROWID;
    CREATE TABLE numbers (
        tenant TEXT, key TEXT, number REAL, id INTEGER, PRIMARY KEY (tenant, key, number, id)
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5(text, content='', detail=none, tokenize="ascii tokenchars '_'")
    """,
)

_INT64 = 2**63


def columns_of(entry: Entry) -> tuple[Any, ...]:
    """The values of :data:`COLUMNS` for *entry*."""
    return (
        entry.tenant,
        entry.event_id,
        entry.action.startswith(PREFIX),
        event_ns(entry),
        received_ns(entry),
        int64(entry.status_code),
        amount_of(entry),
        *(getattr(entry, field) for field in PLAIN),
        text_of(entry),
    )


def text_of(entry: Entry) -> bytes:
    """The entry as JSON, without what has its default."""
    return orjson.dumps(entry.model_dump(exclude_defaults=True))


def entry_from(text: bytes) -> Entry:
    """The inverse of :func:`text_of`."""
    return Entry.kept(orjson.loads(text))


def word_text(entry: Entry) -> str:
    """What the full-text table is told of *entry*."""
    return " ".join((*map(token, searched_words(entry)), *{leaf_token(leaf) for leaf in leaves_of(entry)}))


def all_tokens(words: Iterable[str], leaves: Iterable[Iterable[Leaf]]) -> str:
    """The full-text query that asks for every one of *words*, and for one leaf of each of *leaves*."""
    each_of = (" OR ".join(f'"{leaf_token(leaf)}"' for leaf in any_of) for any_of in leaves)
    return " AND ".join((*(f'"{token(word)}"' for word in words), *(f"({any_of})" for any_of in each_of)))


def token(word: str) -> str:
    """*word* as the ``ascii`` tokenizer keeps it whole. No word has an underscore, so no two share a token."""
    return word if word.isascii() else f"_{word.encode().hex()}"


def leaf_token(leaf: Leaf) -> str:
    """*leaf* as a token of its own: no word begins with two underscores, and no two leaves are likely to share one."""
    return f"__{blake2b(chr(0).join(leaf).encode(), digest_size=10).hexdigest()}"


def int64(value: int | None) -> int | None:
    """*value*, or the nearest one a column can hold."""
    return None if value is None else min(max(value, -_INT64), _INT64 - 1)
