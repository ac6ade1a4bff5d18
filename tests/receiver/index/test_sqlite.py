"""The embedded index keeps the promises, over restarts and beside its readers."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.canonical import rfc3339
from otel_audit.entry import Entry
from receiver.errors import Damaged, Unavailable
from receiver.index import sqlite as sqlite_module
from receiver.index import sqlite_query
from receiver.index.leaves import Leaf
from receiver.index.memory import MemoryIndex
from receiver.index.port import Page
from receiver.index.query import EXACT, Query, Range, words_of
from receiver.index.sqlite import SqliteIndex
from receiver.index.sqlite_tables import FILE
from tests.contracts.entries import NOON_NS, PARTITION, entry, event_id, filed
from tests.contracts.entry_index import LOG, NUMERIC, EntryIndexContract, ids


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteIndex]:
    opened = SqliteIndex.open(tmp_path, write=True, numeric=NUMERIC)
    yield opened
    opened.close()


class TestSqliteIndex(EntryIndexContract):
    """On the ``index`` above."""


def test_a_reader_waits_for_the_writer_to_make_the_file(tmp_path: Path) -> None:
    """Reading is Unavailable until the file is there, and works then, with the same object."""
    reader = SqliteIndex.open(tmp_path, write=False)
    with pytest.raises(Unavailable):
        reader.search(Query())
    writer = SqliteIndex.open(tmp_path, write=True)
    writer.put(LOG, filed(entry(1)), cursor=5)
    assert ids(reader, Query()) == [event_id(1)]
    assert reader.cursor(LOG) == 5
    for each in (reader, writer):
        each.close()


def test_a_reader_does_not_write(tmp_path: Path, index: SqliteIndex) -> None:
    """What was opened for reading cannot change anything."""
    reader = SqliteIndex.open(tmp_path, write=False)
    with pytest.raises(RuntimeError, match="reading"):
        reader.put(LOG, filed(entry(1)), cursor=1)
    reader.close()
    assert index.cursor(LOG) == 0


def test_entries_outlive_the_process(tmp_path: Path) -> None:
    """What was put, its cursor and its amendments are there after reopening."""
    first = SqliteIndex.open(tmp_path, write=True)
    first.put(LOG, filed(entry(1)), cursor=8)
    first.amend(PARTITION, "default", event_id(1), {"status_code": 201})
    first.close()
    again = SqliteIndex.open(tmp_path, write=True)
    assert again.cursor(LOG) == 8
    assert again.get("default", event_id(1)) == entry(1, status_code=201, seen=("status_code",))
    again.close()


def test_a_put_is_whole_or_not_at_all(index: SqliteIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a batch breaks in the middle, neither its entries nor its cursor are there, and the same put works later."""
    index.put(LOG, filed(entry(1)), cursor=1)

    def broken(each: Entry) -> str:
        if each.event_id == event_id(3):
            raise sqlite3.OperationalError("database or disk is full")
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_module, "word_text", broken)
        with pytest.raises(Unavailable, match="full"):
            index.put(LOG, filed(entry(2), entry(3)), cursor=3)
    assert (ids(index, Query()), index.cursor(LOG)) == ([event_id(1)], 1)
    index.put(LOG, filed(entry(2), entry(3)), cursor=3)
    assert index.search(Query()).total.value == 3


def test_the_file_is_private(tmp_path: Path, index: SqliteIndex) -> None:
    """Nobody else on the machine reads the log."""
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_broken_file_is_damaged(tmp_path: Path) -> None:
    """A file that is no database is named, with what to do."""
    (tmp_path / FILE).write_bytes(b"not a database " * 1000)
    with pytest.raises(Damaged, match=FILE):
        SqliteIndex.open(tmp_path, write=True)


def plan(tmp_path: Path, query: Query) -> str:
    statement = sqlite_query.page(query)
    connection = sqlite3.connect(tmp_path / FILE)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters).fetchall()
    connection.close()
    return " ".join(str(row[3]) for row in rows)


@pytest.mark.parametrize(
    ("query", "used"),
    [
        (Query(), "by_event_time"),
        (Query(since_ns=5, order="asc"), "by_event_time"),
        (Query(time="received", since_ns=5), "by_receipt"),
        (Query(trace_id="x"), "by_trace_id"),
        (Query(trace_id="x", time="received"), "by_trace_id"),
        (Query(user_id="x"), "by_user_id"),
        (Query(user_id="x", since_ns=5), "by_user_id"),
        (Query(resource_type="x", resource_id="y", order="asc"), "by_resource"),
        (Query(session_id="x"), "by_session_id"),
        (Query(ip_address="x"), "by_ip_address"),
        (Query(request_id="x"), "by_request_id"),
        (Query(related=("order:1",)), "INTEGER PRIMARY KEY"),
        (Query(words=("x",), since_ns=5), "INTEGER PRIMARY KEY"),
    ],
)
def test_what_is_asked_most_has_its_index(tmp_path: Path, index: SqliteIndex, query: Query, used: str) -> None:
    """The usual questions, in their order, do not walk through every entry."""
    told = plan(tmp_path, query)
    assert used in told
    assert "SCAN entries" not in told


# -- the definition and the embedded index answer alike -----------------------------------------------------

_texts = st.sampled_from(["", "a", "A", "b", "ä", "Ä", "a b", "a-b", "a_b", "straße STRASSE", "x*y", "%", "日本"])
_maybe = st.none() | _texts
_moments = st.integers(NOON_NS, NOON_NS + 3)
_actions = st.sampled_from(["a.b", "a.c", "audit.a", "a_b", "a?b", "a[b", "", "b"])
_patterns = st.sampled_from(["*", "a*", "*b", "a.*", "audit.*", "a_b", "a?*", "a[*", "a.b", "**", "*.*", "au*"])
_related = st.lists(st.sampled_from(["o:1", "o:2", "p:1"]), max_size=2).map(tuple)
_metadata = st.fixed_dictionaries({}, optional={"amount": st.sampled_from([1, "2.5", "x"]), "a": _texts})
_leaves = st.builds(Leaf, st.just("metadata"), st.sampled_from(["amount", "a"]), st.sampled_from(["1", "2.5", "a"]))
_status = st.none() | st.sampled_from([200, 404, 2**63])


@st.composite
def _entries(draw: Any) -> list[Entry]:
    count = draw(st.integers(0, 8))
    return [
        entry(
            draw(st.integers(0, 9)),
            timestamp=rfc3339(draw(_moments)),
            received_at=rfc3339(draw(_moments)),
            action=draw(_actions),
            outcome=draw(st.sampled_from(["success", "failure"])),
            tenant=draw(st.sampled_from(["default", "default", "acme"])),
            user_id=draw(_maybe),
            resource_id=draw(_maybe),
            reason=draw(_maybe),
            ip_address=draw(_maybe),
            status_code=draw(_status),
            related=draw(_related),
            metadata=draw(_metadata),
        )
        for _ in range(count)
    ]


_queries = st.builds(
    Query,
    tenant=st.sampled_from(["default", "default", "acme"]),
    actions=st.lists(_patterns, max_size=2).map(tuple),
    **dict.fromkeys(("user_id", "resource_id", "ip_address"), st.none() | st.none() | _texts),
    outcome=st.none() | st.just("failure"),
    related=st.lists(st.sampled_from(["o:1", "p:1"]), max_size=2, unique=True).map(tuple),
    status_code_min=_status,
    since_ns=st.none() | _moments,
    until_ns=st.none() | _moments,
    time=st.sampled_from(["event", "received"]),
    amount=st.none() | st.builds(Range, *[st.none() | st.sampled_from([1.0, 2.5])] * 2),
    leaves=st.just(()) | _leaves.map(lambda leaf: (leaf,)),
    words=st.just(()) | _texts.map(lambda text: words_of([text])),
    order=st.sampled_from(["asc", "desc"]),
    limit=st.integers(1, 4),
)


def answers(index: MemoryIndex | SqliteIndex, query: Query) -> list[Page]:
    page = index.search(query)
    return [page] if page.next is None else [page, *answers(index, query.next_after(page.next))]


@settings(max_examples=150, deadline=None)
@given(entries=_entries(), queries=st.lists(_queries, min_size=1, max_size=6))
def test_memory_and_sqlite_answer_alike(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], queries: list[Query]
) -> None:
    """Whatever is put and asked, every page, its next and its total are those of the plain definition."""
    memory = MemoryIndex()
    embedded = SqliteIndex.open(tmp_path_factory.mktemp("index"), write=True)
    try:
        for number, each in enumerate(entries, start=1):
            memory.put(LOG, filed(each), cursor=number)
            embedded.put(LOG, filed(each), cursor=number)
        for query in queries:
            assert answers(embedded, query) == answers(memory, query)
            assert embedded.facets(query, 3) == memory.facets(query, 3)
    finally:
        embedded.close()


def test_every_plain_filter_is_a_column() -> None:
    """A filter added to the query is searched for, not passed over."""
    assert set(EXACT.values()) <= set(sqlite_module.COLUMNS)
