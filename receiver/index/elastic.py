"""Entries in Elasticsearch: one ECS document each, in plain indices named by the event's time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from elasticsearch import ConflictError, Elasticsearch

from otel_audit.entry import Entry
from receiver.elastic import Item, RefusedItem, answering, bulk
from receiver.errors import Damaged, Unavailable
from receiver.index.amendment import amended
from receiver.index.conflict import SetAside, nowhere, quarantined
from receiver.index.document import Document, document_of, entry_from, is_minimal, minimal_document_of
from receiver.index.elastic_indices import Indices
from receiver.index.elastic_query import facets_body, of_traces, position_of_hit, search_body
from receiver.index.elastic_twins import Twins, cursor_id
from receiver.index.port import Facets, Filed, Page, Total
from receiver.index.query import FACETS, Query
from receiver.index.template import everywhere, index_of, partition_in, pattern_of

AMEND_TRIES = 5


class ElasticIndex:
    """One document for each entry, its id the event's. See :class:`~receiver.index.port.EntryIndex`.

    A put is a bulk of creations (a document that is there already stays as it is), a refresh of the indices it
    went to, and only then the cursor: who reads a cursor finds every entry before it. A crash between the steps
    leaves documents that the next put of the same rows meets again. What is amended is there for :meth:`get` and
    :meth:`search` after the server's next refresh, a second later at most.
    """

    def __init__(
        self,
        client: Elasticsearch,
        namespace: str,
        tenants: Sequence[str] = ("default",),
        numeric: Sequence[str] = (),
        set_aside: SetAside = nowhere,
    ) -> None:
        """*tenants* are those whose partitions :meth:`prepare` makes ahead of their first entry.

        *numeric* are the metadata keys that are filed as numbers. *set_aside* returns when the quarantined drafts it
        is handed are durable.
        """
        self._document_of = partial(document_of, numeric=numeric)
        self._client = client
        self._namespace = namespace
        self._tenants = tenants
        self._indices = Indices(client, namespace)
        self._twins = Twins(client, namespace)
        self._set_aside = set_aside
        self._cursors = f"audit-cursors-{namespace}"

    def prepare(self, partitions: Sequence[str]) -> None:
        """Make the template and every known tenant's *partitions*."""
        self._indices.make({index_of(self._namespace, tenant, each) for tenant in self._tenants for each in partitions})

    def put(self, log: str, filed: Sequence[Filed], cursor: int) -> None:
        """Create what is not there yet, make it findable, settle what another receiver holds, then write the cursor."""
        if filed:
            self._twins.announce(log)
            self._create(filed)
            self._settle(log, filed)
        with answering():
            self._client.index(index=self._cursors, id=cursor_id(log), document={"log": log, "cursor": cursor})

    def cursor(self, log: str) -> int:
        """The last cursor put for *log*."""
        with answering():
            found = self._client.options(ignore_status=404).get(index=self._cursors, id=cursor_id(log))
        return int(found["_source"]["cursor"]) if found.get("found") else 0

    def amend(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None = None
    ) -> bool:
        """Read the document, fill in what it does not have, and write that if nobody wrote meanwhile."""
        index = index_of(self._namespace, tenant, partition)
        for _ in range(AMEND_TRIES):
            with answering():
                found = self._client.options(ignore_status=404).get(index=index, id=event_id)
            if not found.get("found"):
                return False
            if self._amend_found(found.body, fields, span_id):
                return True
        raise Unavailable(f"{event_id} is being changed by others all the time")

    def get(self, tenant: str, event_id: str) -> Entry | None:
        """One entry, or None."""
        hits = self._search(tenant, {"query": {"ids": {"values": [event_id]}}, "size": 1})["hits"]
        return entry_from(hits[0]["_source"]) if hits else None

    def of_traces(self, traces: Collection[tuple[str, str]], limit: int) -> Sequence[Filed]:
        """One search over all tenants and partitions."""
        with answering():
            answer = self._client.search(
                index=everywhere(self._namespace),
                allow_partial_search_results=False,
                query=of_traces(traces),
                size=limit,
                track_total_hits=False,
            )
        hits = answer["hits"]["hits"]
        return [Filed(partition_in(hit["_index"]), entry_from(hit["_source"])) for hit in hits]

    def is_shared(self, log: str) -> bool:
        """Whether another receiver's log has a cursor here."""
        return self._twins.are_there(log)

    def search(self, query: Query) -> Page:
        """One page; Unavailable rather than a page with a part of the answer."""
        found = self._search(query.tenant, search_body(query))
        hits, total = found["hits"][: query.limit], found["total"]
        return Page(
            entries=tuple(entry_from(hit["_source"]) for hit in hits),
            next=position_of_hit(hits[-1]) if len(found["hits"]) > query.limit else None,
            total=Total(total["value"], exact=total["relation"] == "eq"),
        )

    def facets(self, query: Query, size: int) -> Facets:
        """Counted by the server, for each index apart; exact as far as it says so."""
        with answering():
            answer = self._client.search(
                index=pattern_of(self._namespace, query.tenant),
                allow_partial_search_results=False,
                **facets_body(query, size),
            )
        counted = answer.get("aggregations") or {}
        return Facets(
            {name: tuple((each["key"], each["doc_count"]) for each in counts_of(counted, name)) for name in FACETS},
            exact=not any(each["doc_count_error_upper_bound"] for each in counted.values()),
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _search(self, tenant: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        with answering():
            answer = self._client.search(
                index=pattern_of(self._namespace, tenant), allow_partial_search_results=False, **body
            )
        hits: Mapping[str, Any] = answer["hits"]
        return hits

    def _create(self, filed: Sequence[Filed]) -> None:
        indices = {self._index_of(each) for each in filed}
        self._indices.make(indices)
        try:
            self._bulk(filed)
        except Unavailable:
            self._indices.forget()
            raise
        with answering():
            self._client.indices.refresh(index=sorted(indices))

    def _settle(self, log: str, filed: Sequence[Filed]) -> None:
        met = self._twins.met(log, filed)
        if met.conflicts:
            self._set_aside([quarantined(each) for each in met.conflicts])
        # Only now: a crash before this line meets the same documents again, and sets the same aside once more.
        self._twins.remove(met.surplus)

    def _bulk(self, filed: Sequence[Filed]) -> None:
        """Create every entry's document; the minimal one where the server refuses the full one for its content."""
        refused = self._bulk_of(filed, self._document_of)
        if not refused:
            return
        actions = {each.item.action for each in refused}
        again = [each for each in filed if self._action(each) in actions]
        for still in self._bulk_of(again, minimal_document_of):
            raise Damaged(
                f"Elasticsearch refuses an entry: {still.reason}, {still.item.action.decode()}",
                "see the mapping of that index and its @custom template",
            )

    def _bulk_of(self, filed: Sequence[Filed], make: Callable[[Entry], Document]) -> list[RefusedItem]:
        items = [Item(self._action(each), orjson.dumps(_with_digest(make(each.entry), each))) for each in filed]
        return bulk(self._client, items)

    def _action(self, each: Filed) -> bytes:
        return orjson.dumps({"create": {"_index": self._index_of(each), "_id": each.entry.event_id}})

    def _index_of(self, each: Filed) -> str:
        return index_of(self._namespace, each.entry.tenant, each.partition)

    def _amend_found(self, found: Mapping[str, Any], fields: Mapping[str, Any], span_id: str | None) -> bool:
        """Whether the amendment stands; False when the document changed meanwhile."""
        entry = entry_from(found["_source"])
        fuller = amended(entry, fields, span_id)
        if fuller is entry:
            return True
        make = minimal_document_of if is_minimal(found["_source"]) else self._document_of
        with answering():
            try:
                self._client.update(
                    index=found["_index"],
                    id=found["_id"],
                    if_seq_no=found["_seq_no"],
                    if_primary_term=found["_primary_term"],
                    doc=make(fuller),
                )
            except ConflictError:
                return False
        return True


def counts_of(aggregations: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The counts of one facet; none where there is no index yet."""
    buckets: Sequence[Mapping[str, Any]] = aggregations.get(name, {}).get("buckets", ())
    return buckets


def _with_digest(document: Document, filed: Filed) -> Document:
    if filed.digest is not None:
        document["audit"]["digest"] = filed.digest.hex()
    return document
