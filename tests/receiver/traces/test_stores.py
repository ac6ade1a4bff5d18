"""Each store of spans, held to the one contract."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.config import Index
from receiver.elastic import connect
from receiver.errors import Unavailable
from receiver.traces.elastic import ElasticSpans
from receiver.traces.memory import MemorySpans
from receiver.traces.port import SpanStore
from receiver.traces.sqlite import SqliteSpans
from tests.contracts.span_store import LOG, TRACE_MAX_SPANS, SpanStoreContract
from tests.contracts.spans import TRACE, span


class TestMemory(SpanStoreContract):
    """In memory."""

    @pytest.fixture
    def store(self) -> SpanStore:
        """Empty."""
        return MemorySpans(TRACE_MAX_SPANS)


class TestSqlite(SpanStoreContract):
    """In a file."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SpanStore]:
        """A new file."""
        store = SqliteSpans(tmp_path, TRACE_MAX_SPANS, write=True)
        store.prepare()
        yield store
        store.close()


class TestElastic(SpanStoreContract):
    """On a real server."""

    @pytest.fixture
    def store(self, elasticsearch_url: str) -> Iterator[SpanStore]:
        """A namespace of its own, taken away afterwards."""
        namespace = f"t{uuid.uuid4().hex[:12]}"
        client = connect(Index(url=elasticsearch_url))
        store = ElasticSpans(client, namespace, TRACE_MAX_SPANS)
        store.prepare()
        yield store
        for index in client.indices.get(index=f"traces-audit.spans-{namespace}-*,audit-cursors-{namespace}*"):
            client.indices.delete(index=index)
        client.indices.delete_index_template(name=f"traces-audit.spans-{namespace}")
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
