"""Entries in Elasticsearch: one ECS document each, in plain indices named by the event's time."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
from elasticsearch import ConflictError, Elasticsearch

from otel_audit.entry import Entry
from receiver.elastic import Answered, Item, answering, bulk_meeting
from receiver.errors import Unavailable
from receiver.index.amendment import amended, is_of, restored
from receiver.index.conflict import SetAside, nowhere, quarantined
from receiver.index.document import Document, document_of, entry_from, is_minimal, minimal_document_of
from receiver.index.elastic_indices import Indices
from receiver.index.elastic_query import facets_body, numbers_between, of_traces, position_of_hit, search_body
from receiver.index.elastic_twins import Twins, cursor_id
from receiver.index.port import Facets, Filed, Page, Total
from receiver.index.query import FACETS, Query
from receiver.index.template import everywhere, index_of, partition_in, pattern_of
from receiver.refused import Refusal, Refuse
from receiver.refused import nowhere as refused_by_all

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
        refuse: Refuse = refused_by_all,
    ) -> None:
        """*tenants* are those whose partitions :meth:`prepare` makes ahead of their first entry.

        *numeric* are the metadata keys that are filed as numbers. *set_aside* returns when the quarantined drafts it
        is handed are durable, *refuse* when the entries are kept that the server will never take.
        """
        self._document_of = partial(document_of, numeric=numeric)
        self._client = client
        self._namespace = namespace
        self._tenants = tenants
        self._indices = Indices(client, namespace)
        self._twins = Twins(client, namespace)
        self._set_aside = set_aside
        self._refuse = refuse
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

    def restore(self, log: str, filed: Sequence[Filed]) -> Sequence[Filed]:
        """Create what is not there; write the others anew, each over the version that was read."""
        self._twins.announce(log)
        self._indices.renew({self._index_of(each) for each in filed})
        standing = list(self._standing(filed))
        new = [each for each, found in standing if found is None]
        if new:
            self._create(new)
            self._settle(log, new)
        for _ in range(AMEND_TRIES):
            changed = self._put_over(log, standing)
            if not changed:
                return new
            standing = list(self._standing(changed))
        raise Unavailable(f"{changed[0].entry.event_id} is being changed by others all the time")

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

    def numbers(self, tenant: str, source_id: str, first: int, last: int, limit: int) -> Sequence[int]:
        """One search over the tenant's partitions."""
        body = {
            "query": numbers_between(source_id, first, last),
            "sort": [{"event.sequence": {"order": "asc", "unmapped_type": "long"}}],
            "size": limit,
            "source": False,
            "track_total_hits": False,
        }
        return [hit["sort"][0] for hit in self._search(tenant, body)["hits"]]

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
        """Create every entry's document, in the first form that the server takes."""
        self._written([_Version(each, each.entry, self._action(each)) for each in filed])

    def _written(self, versions: Sequence["_Version"]) -> list[Filed]:
        """Write whole documents, the minimal one where the server refuses that for its content.

        What it refuses in both forms is handed on. Returns those that met another version of their document.
        """
        first = self._bulk_of(versions, self._document_of)
        again = {each.item.action for each in first.refused}
        second = self._bulk_of([each for each in versions if each.action in again], minimal_document_of)
        reasons = {each.item.action: each.reason for each in second.refused}
        if reasons:
            self._refuse([each.refusal(reasons[each.action]) for each in versions if each.action in reasons])
        met = {item.action for item in (*first.met, *second.met)}
        return [each.filed for each in versions if each.action in met]

    def _bulk_of(self, versions: Sequence["_Version"], make: Callable[[Entry], Document]) -> Answered:
        # Made as they are asked for: the server works on the first while the next are made.
        return bulk_meeting(
            self._client,
            (Item(each.action, orjson.dumps(_with_digest(make(each.entry), each.filed))) for each in versions),
        )

    def _put_over(self, log: str, standing: Sequence[tuple[Filed, Mapping[str, Any] | None]]) -> list[Filed]:
        """Write anew what stands as *log*'s; returns those that changed since they were read."""
        versions = []
        for each, found in standing:
            known = None if found is None else _readable(found["_source"])
            if found is not None and (known is None or is_of(log, known)):
                place = {"_index": found["_index"], "_id": found["_id"]}
                version = {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]}
                versions.append(_Version(each, restored(each.entry, known), orjson.dumps({"index": place | version})))
        return self._written(versions)

    def _standing(self, filed: Sequence[Filed]) -> Iterator[tuple[Filed, Mapping[str, Any] | None]]:
        """Each with the document that stands in its place, None where there is none."""
        if not filed:
            return
        places = [{"_index": self._index_of(each), "_id": each.entry.event_id} for each in filed]
        with answering():
            answer = self._client.mget(docs=places)
        for each, found in zip(filed, answer["docs"], strict=True):
            yield each, found if found.get("found") else None

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


class _Version(NamedTuple):
    """What is to stand of an entry, and where: an action of a bulk request."""

    filed: Filed
    entry: Entry
    action: bytes

    def refusal(self, reason: str) -> Refusal:
        """That it cannot."""
        entry = self.entry
        return Refusal(self.filed.seq or 0, entry.tenant, reason, orjson.dumps(entry.model_dump(exclude_defaults=True)))


def _readable(source: Mapping[str, Any]) -> Entry | None:
    """The entry of a document; None when somebody changed it so that it is none any more."""
    try:
        return Entry.model_validate(dict(entry_from(source)))
    except Exception:  # whatever it is about this document, it is to be replaced
        return None


def counts_of(aggregations: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The counts of one facet; none where there is no index yet."""
    buckets: Sequence[Mapping[str, Any]] = aggregations.get(name, {}).get("buckets", ())
    return buckets


def _with_digest(document: Document, filed: Filed) -> Document:
    if filed.digest is not None:
        document["audit"]["digest"] = filed.digest.hex()
    return document
