"""Each store of spans, held to the one contract."""

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pytest
from elasticsearch import Elasticsearch

from receiver.clock import DAY_NS, now_ns
from receiver.config import Index
from receiver.elastic import Item, RefusedItem, bulk, connect
from receiver.errors import Damaged, Unavailable
from receiver.traces import sqlite
from receiver.traces.elastic import ElasticSpans
from receiver.traces.memory import MemorySpans
from receiver.traces.port import SpanStore
from receiver.traces.sqlite import SqliteSpans
from receiver.traces.stored import to_stored
from tests.contracts.promises import bent
from tests.contracts.span_store import LOG, TRACE_MAX_SPANS, Moment, SpanStoreContract
from tests.contracts.spans import START_NS, TRACE, span


class TestMemory(SpanStoreContract):
    """In memory."""

    @pytest.fixture
    def store(self, now: Moment) -> SpanStore:
        """Empty."""
        return MemorySpans(TRACE_MAX_SPANS, now)


class TestSqlite(SpanStoreContract):
    """In a file."""

    @pytest.fixture
    def store(self, tmp_path: Path, now: Moment) -> Iterator[SpanStore]:
        """A new file."""
        store = SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=True, clock=now)
        store.prepare()
        yield store
        store.close()


class TestElastic(SpanStoreContract):
    """On a real server."""

    @pytest.fixture
    def store(self, elasticsearch_url: str, now: Moment) -> Iterator[SpanStore]:
        """A namespace of its own, taken away afterwards."""
        namespace = f"t{uuid.uuid4().hex[:12]}"
        client = connect(Index(url=elasticsearch_url))
        store = ElasticSpans(client, namespace, TRACE_MAX_SPANS, clock=now)
        store.prepare()
        yield store
        for index in client.indices.get(index=f"traces-audit.spans-{namespace}-*,audit-cursors-{namespace}*"):
            client.indices.delete(index=index)
        client.indices.delete_index_template(name=f"traces-audit.spans-{namespace}")
        store.close()

    def test_old_days_go_as_a_whole(self, store: SpanStore, now: Moment):
        """By the spans' own day, in one call each; what only begins like a day is not ours to delete."""
        assert isinstance(store, ElasticSpans)
        now.ns = START_NS + 200 * DAY_NS
        store.put([span(number, start_ns=now.ns - number * DAY_NS) for number in range(5)])
        beside = f"{store._prefix}-2026.10.20-copy"
        store._client.indices.create(index=beside)
        store.expire(now.ns - 2 * DAY_NS)
        left = set(store._client.indices.get(index=f"{store._prefix}-*"))
        assert left == {beside, *(store._index_of(span(1, start_ns=now.ns - days * DAY_NS)) for days in range(3))}
        store.put([span(9, start_ns=now.ns - 4 * DAY_NS)])
        assert f"{store._prefix}-2027.06.02" in store._client.indices.get(index=f"{store._prefix}-*")

    def test_a_span_the_server_refuses_is_kept_bare(self, store: SpanStore, monkeypatch: pytest.MonkeyPatch):
        """Too large for one request: its place in the trace is worth more than what it carries."""

        def small_only(client: Elasticsearch, items: Sequence[Item]) -> list[RefusedItem]:
            small = [item for item in items if len(item.document) < 1000]
            return bulk(client, small) + [RefusedItem(item, "too large") for item in items if item not in small]

        monkeypatch.setattr("receiver.traces.elastic.bulk", small_only)
        store.put([span(1, attributes={"long": "x" * 1000}), span(2)])
        assert store.trace("default", TRACE).spans == (span(1), span(2))


def test_no_store_bends_a_promise():
    """A suite says how to open its store, and redefines nothing."""
    assert bent(SpanStoreContract, [TestMemory, TestSqlite, TestElastic]) == []


def test_spans_of_wrong_clocks_share_one_index():
    """Each day from here to 1970 would be an index of its own, and fill the server."""
    store = ElasticSpans(connect(Index(url="http://127.0.0.1:1")), "x", 10, 30, clock=lambda: START_NS)
    days = [store._index_of(span(1, start_ns=START_NS + days * DAY_NS)) for days in (-10_000, -31, -29, 0, 2)]
    begin = "traces-audit.spans-x-"
    assert days == [f"{begin}{day}" for day in ("outlier", "outlier", "2026.10.20", "2026.11.18", "outlier")]
    store.close()


def test_a_file_that_is_no_store_is_damaged(tmp_path: Path):
    """A person must look; trying again would not help."""
    store = SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=True)
    store.put([span(1)])
    store.close()
    (tmp_path / "spans.db").write_bytes(b"no database " * 1000)
    with pytest.raises(Damaged):
        SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=False).trace("default", TRACE)


def test_a_file_of_the_version_before_is_brought_up(tmp_path: Path):
    """Its spans count as put when it is opened: none goes at once, and none stays for ever."""
    old = sqlite3.connect(tmp_path / "spans.db")
    old.executescript(f"BEGIN; {sqlite._MIGRATIONS[0]}; PRAGMA user_version=1; COMMIT;")
    old.execute("INSERT INTO span VALUES ('default', ?, '1', 0, 0, 0, ?)", (TRACE, orjson.dumps(to_stored(span(1)))))
    old.commit()
    old.close()
    opened_ns = now_ns()
    store = SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=True)
    store.expire(opened_ns - DAY_NS)
    assert store.trace("default", TRACE).spans == (span(1),)
    store.expire(opened_ns + DAY_NS)
    assert store.trace("default", TRACE).spans == ()
    store.close()


def test_expiring_takes_bounded_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A put never waits behind the deletion of a month."""
    monkeypatch.setattr(sqlite, "EXPIRED_MAX", 2)
    store = SqliteSpans(tmp_path, 10, write=True, clock=lambda: START_NS)
    store.put([span(number) for number in range(1, 6)])
    left = []
    while store.expire(START_NS + 1):
        left.append(len(store.trace("default", TRACE).spans))
    assert left == [3, 1]
    assert store.trace("default", TRACE).spans == ()
    store.close()


def test_what_was_put_is_there_after_reopening(tmp_path: Path):
    """Another process reads what the writer has put, and a writer that comes back goes on where it was."""
    with pytest.raises(Unavailable):
        SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=False)
    writer = SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=True)
    writer.put([span(1)])
    writer.advance(LOG, 5)
    reader = SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=False)
    writer.put([span(2)])
    assert len(reader.trace("default", TRACE).spans) == 2
    reader.close()
    writer.close()
    again = SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=True)
    assert (again.cursor(LOG), len(again.trace("default", TRACE).spans)) == (5, 2)
    again.close()
    assert (tmp_path / "spans.db").stat().st_mode & 0o777 == 0o600
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_server_that_is_away_is_unavailable():
    """Nobody gets an answer that looks like "nothing found"."""
    store = ElasticSpans(connect(Index(url="http://127.0.0.1:1", timeout_s=1)), "x", 10)
    for ask in (lambda: store.trace("default", TRACE), lambda: store.put([span(1)]), lambda: store.cursor(LOG)):
        with pytest.raises(Unavailable):
            ask()
    store.close()
