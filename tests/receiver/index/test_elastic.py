"""The index in a real Elasticsearch keeps the promises, and its documents are as documented."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from receiver.index.elastic import ElasticIndex
from tests.contracts.entry_index import EntryIndexContract
from tests.receiver.index.elastic_server import Namespace, namespace


@pytest.fixture(scope="module")
def shared(elasticsearch_url: str) -> Iterator[Namespace]:
    with namespace(elasticsearch_url) as fresh:
        yield fresh


@pytest.fixture
def index(shared: Namespace) -> ElasticIndex:
    shared.clear()
    return ElasticIndex(shared.client, shared.name)


class TestElasticIndex(EntryIndexContract):
    """On the ``index`` above, emptied before each test."""

    @contextmanager
    def settled(self, index: ElasticIndex) -> Iterator[None]:
        yield
        index._client.indices.refresh(index="logs-audit.events-*", allow_no_indices=True)
