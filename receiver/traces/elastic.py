"""Spans in Elasticsearch: plain daily indices ``traces-audit.spans-<namespace>-<yyyy.MM.dd>``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from otel_audit.canonical import rfc3339
from receiver.clock import DAY_NS, SECOND_NS, Clock, now_ns
from receiver.elastic import Item, RefusedItem, answering, bulk
from receiver.errors import Damaged
from receiver.traces.port import Found
from receiver.traces.span import Span
from receiver.traces.stored import bare, completeness, from_stored, to_stored

TEMPLATE_VERSION = 3

# OTLP's times are unsigned; one beyond the server's longs is ordered as the largest.
_LONG_MAX = 2**63 - 1

#: Spans that began longer ago than days are kept, or ahead of our clock, have one index together.
OUTLIER = "outlier"
#: Without a number of days to keep, so many may have an index of their own: wrong clocks name every day there is.
DAYS_MAX = 366
_AHEAD_MAX_NS = DAY_NS

#: Outliers deleted at once.
EXPIRED_MAX = 1_000

#: The end of a day's index. Another one of that beginning is not ours to delete.
_OF_DAY = re.compile(r"-\d{4}\.\d\d\.\d\d\Z")

_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "@timestamp": {"type": "date_nanos"},
        "trace": {"properties": {"id": _KEYWORD}},
        "span": {
            "properties": {
                "id": _KEYWORD,
                "name": _KEYWORD,
                "links": {"properties": {"trace": {"properties": {"id": _KEYWORD}}}},
            }
        },
        "parent": {"properties": {"id": _KEYWORD}},
        "service": {"properties": {"name": _KEYWORD}},
        "event": {
            "properties": {"ingested": {"type": "date_nanos"}, "duration": {"type": "long"}, "outcome": _KEYWORD}
        },
        "audit": {
            "properties": {
                "tenant": _KEYWORD,
                "start_ns": {"type": "long"},
                "span": {"type": "object", "enabled": False},
            }
        },
    },
}


class ElasticSpans:
    """One document a span, its id the span's, in its day's index, so that a repeat meets its twin.

    A span's version grows with its completeness (``version_type=external``): the server keeps the more complete
    one, whatever order two come in. One process writes; any number of threads read.
    """

    name = "elasticsearch"

    def __init__(
        self,
        client: Elasticsearch,
        namespace: str,
        trace_max_spans: int,
        own_days: int = DAYS_MAX,
        clock: Clock = now_ns,
    ) -> None:
        """A span that began more than *own_days* ago has no index of its day."""
        self._client = client
        self._own_days = own_days
        self._clock = clock
        self._prefix = f"traces-audit.spans-{namespace}"
        self._cursors = f"audit-cursors-{namespace}"
        self._max = min(trace_max_spans, 9_999)
        self._made: set[str] = set()

    def prepare(self) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with answering():
            if self._version() == TEMPLATE_VERSION:
                return
            self._client.indices.put_index_template(
                name=self._prefix,
                index_patterns=[f"{self._prefix}-*"],
                priority=501,
                version=TEMPLATE_VERSION,
                template={"mappings": _MAPPINGS, "settings": {"index": {"codec": "best_compression"}}},
            )

    def _version(self) -> int | None:
        answer = self._client.options(ignore_status=404).indices.get_index_template(name=self._prefix)
        found = answer.get("index_templates", [])
        return int(found[0]["index_template"].get("version", 0)) if found else None

    def put(self, spans: Sequence[Span]) -> None:
        """See :class:`~receiver.traces.port.SpanStore`. A span refused for what it carries is kept without that."""
        refused = {each.item.action for each in self._bulk(spans)}
        again = [bare(span) for span in spans if self._action(span) in refused]
        for still in self._bulk(again):
            raise Damaged(f"Elasticsearch refuses a span: {still.reason}", f"see the template {self._prefix}")
        if spans:
            with answering():
                self._client.indices.refresh(index=sorted({self._index_of(span) for span in spans}))

    def _bulk(self, spans: Sequence[Span]) -> list[RefusedItem]:
        for index in {self._index_of(span) for span in spans}:
            self._make(index)
        put_at = rfc3339(self._clock())
        return bulk(self._client, [Item(self._action(span), orjson.dumps(_document(span, put_at))) for span in spans])

    def _action(self, span: Span) -> bytes:
        # 409, that an equally or more complete version stands already, counts as done.
        place = {"_index": self._index_of(span), "_id": _id(span)}
        return orjson.dumps({"index": {**place, "version": _version(span), "version_type": "external"}})

    def _index_of(self, span: Span) -> str:
        """The day's; one for all spans of senders whose clock is wrong, who would fill the cluster with indices."""
        if -_AHEAD_MAX_NS <= self._clock() - span.start_ns <= self._own_days * DAY_NS:
            return f"{self._prefix}-{_day(span.start_ns)}"
        return f"{self._prefix}-{OUTLIER}"

    def expire(self, before_ns: int) -> bool:
        """See :class:`~receiver.traces.port.SpanStore`. Other receivers may do the same at the same time."""
        last = f"{self._prefix}-{_day(before_ns)}"
        with answering():
            names = self._client.indices.get(index=f"{self._prefix}-*", features="settings").body
            for index in sorted(names):
                if _OF_DAY.search(index) and index < last:
                    self._client.options(ignore_status=404).indices.delete(index=index)
                    self._made.discard(index)
            return f"{self._prefix}-{OUTLIER}" in names and self._expire_outliers(before_ns)

    def _expire_outliers(self, before_ns: int) -> bool:
        """Delete some of the outliers put before that moment, document by document: their days say nothing."""
        index = f"{self._prefix}-{OUTLIER}"
        old = {"range": {"event.ingested": {"lt": rfc3339(before_ns), "format": "strict_date_optional_time_nanos"}}}
        answer = self._client.search(index=index, query=old, size=EXPIRED_MAX, source=False, track_total_hits=False)
        actions = [{"delete": {"_index": index, "_id": hit["_id"]}} for hit in answer["hits"]["hits"]]
        if actions:
            self._client.bulk(operations=actions, refresh=True)
        return len(actions) == EXPIRED_MAX

    def advance(self, log: str, cursor: int) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with answering():
            self._client.index(index=self._cursors, id=f"spans-{log}", document={"log": log, "spool": cursor})

    def cursor(self, log: str) -> int:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with answering():
            found = self._client.options(ignore_status=404).get(index=self._cursors, id=f"spans-{log}")
        return int(found["_source"]["spool"]) if found.get("found") else 0

    def trace(self, tenant: str, trace_id: str) -> Found:
        """See :class:`~receiver.traces.port.TraceSource`."""
        with answering():
            answer = self._client.search(
                index=f"{self._prefix}-*",
                allow_no_indices=True,
                allow_partial_search_results=False,
                query={"bool": {"filter": [{"term": {"trace.id": trace_id}}, {"term": {"audit.tenant": tenant}}]}},
                sort=[{"audit.start_ns": {"order": "asc", "unmapped_type": "long"}}, {"span.id": "asc"}],
                size=self._max + 1,
                source_includes=["audit.span"],
            )
        hits = answer["hits"]["hits"]
        spans = [_span_of(hit) for hit in hits[: self._max]]
        return Found(tuple(_each_once(spans)), len(hits) > self._max)

    def linking(self, tenant: str, traces: Sequence[str], limit: int) -> Sequence[Span]:
        """See :class:`~receiver.traces.port.SpanStore`."""
        asked = [{"terms": {"span.links.trace.id": list(traces)}}, {"term": {"audit.tenant": tenant}}]
        with answering():
            answer = self._client.search(
                index=f"{self._prefix}-*",
                allow_no_indices=True,
                allow_partial_search_results=False,
                query={"bool": {"filter": asked}},
                size=limit,
                source_includes=["audit.span"],
                track_total_hits=False,
            )
        return list(_each_once([_span_of(hit) for hit in answer["hits"]["hits"]]))

    def close(self) -> None:
        """See :class:`~receiver.traces.port.TraceSource`."""
        self._client.close()

    def _make(self, index: str) -> None:
        """Create *index* before the first write: a bulk that came first could make a data stream of that name."""
        if index in self._made:
            return
        with answering():
            if not self._client.indices.exists(index=index):
                self._client.options(ignore_status=400).indices.create(index=index)
        self._made.add(index)


def _span_of(hit: Mapping[str, Any]) -> Span:
    return from_stored(orjson.loads(hit["_source"]["audit"]["span"]["json"]))


def _document(span: Span, put_at: str) -> dict[str, Any]:
    """*span* in ECS; the whole of it stands as text in ``audit.span``, out of the server's reach."""
    return {
        "@timestamp": rfc3339(min(span.start_ns, _LONG_MAX)),
        "trace": {"id": span.trace_id},
        "span": {"id": span.span_id, "name": span.name, "links": [{"trace": {"id": to}} for to, _ in span.links]},
        "parent": {"id": span.parent_span_id},
        "service": {"name": span.service},
        "event": {
            "ingested": put_at,
            "duration": min(span.duration_ns, _LONG_MAX),
            "outcome": _OUTCOMES.get(span.status, "unknown"),
        },
        "audit": {
            "tenant": span.tenant,
            "start_ns": min(span.start_ns, _LONG_MAX),
            "span": {"json": orjson.dumps(to_stored(span)).decode()},
        },
    }


def _each_once(spans: Sequence[Span]) -> Iterator[Span]:
    """The most complete version of each span, in their order: one that changed its start may stand in two days."""
    best: dict[tuple[str, str], Span] = {}
    for span in spans:
        known = best.get((span.trace_id, span.span_id))
        if known is None or completeness(known) < completeness(span):
            best[span.trace_id, span.span_id] = span
    return (span for span in spans if best[span.trace_id, span.span_id] is span)


_OUTCOMES = {"ok": "success", "unset": "success", "error": "failure"}


def _id(span: Span) -> str:
    return f"{span.tenant}-{span.trace_id}-{span.span_id}"


def _version(span: Span) -> int:
    """Grows with completeness and fits a long: microseconds of the end, then up to 1023 attributes."""
    end_ns, attributes = completeness(span)
    return min(end_ns // 1000 << 10 | min(attributes, 1023), 2**62)


def _day(start_ns: int) -> str:
    return f"{datetime.fromtimestamp(start_ns // SECOND_NS, UTC):%Y.%m.%d}"
