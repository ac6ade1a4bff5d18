"""Spans in Elasticsearch: plain daily indices ``traces-audit.spans-<namespace>-<yyyy.MM.dd>``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from elasticsearch import ApiError, Elasticsearch, TransportError

from otel_audit.canonical import rfc3339
from receiver.clock import SECOND_NS
from receiver.elastic import unavailable
from receiver.errors import Unavailable
from receiver.traces.port import Found
from receiver.traces.span import Span
from receiver.traces.stored import completeness, from_stored, to_stored

TEMPLATE_VERSION = 1

# OTLP's times are unsigned; one beyond the server's longs is ordered as the largest.
_LONG_MAX = 2**63 - 1

_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_MAPPINGS: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "@timestamp": {"type": "date_nanos"},
        "trace": {"properties": {"id": _KEYWORD}},
        "span": {"properties": {"id": _KEYWORD, "name": _KEYWORD}},
        "parent": {"properties": {"id": _KEYWORD}},
        "service": {"properties": {"name": _KEYWORD}},
        "event": {"properties": {"duration": {"type": "long"}, "outcome": _KEYWORD}},
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
    """One document a span, its id the span's, so that a repeat meets its twin.

    A span's version grows with its completeness (``version_type=external``): the server keeps the more complete
    one, whatever order two come in. One process writes; any number of threads read.
    """

    name = "elasticsearch"

    def __init__(self, client: Elasticsearch, namespace: str, trace_max_spans: int) -> None:
        self._client = client
        self._prefix = f"traces-audit.spans-{namespace}"
        self._cursors = f"audit-cursors-{namespace}"
        self._max = min(trace_max_spans, 9_999)
        self._made: set[str] = set()

    def prepare(self) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with _answering():
            self._client.indices.put_index_template(
                name=self._prefix,
                index_patterns=[f"{self._prefix}-*"],
                priority=501,
                version=TEMPLATE_VERSION,
                template={
                    "mappings": _MAPPINGS,
                    "settings": {"index": {"codec": "best_compression", "number_of_replicas": 1}},
                },
            )

    def put(self, spans: Sequence[Span]) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        operations: list[Any] = []  # bytes, which the client sends as they are
        for span in spans:
            index = f"{self._prefix}-{_day(span.start_ns)}"
            self._make(index)
            action = {"_index": index, "_id": _id(span), "version": _version(span), "version_type": "external"}
            operations += (orjson.dumps({"index": action}), orjson.dumps(_document(span)))
        if not operations:
            return
        with _answering():
            answer = self._client.bulk(
                operations=operations, refresh=True, filter_path="errors,items.*.status,items.*.error"
            )
        if answer.get("errors"):
            _complain(answer["items"])

    def advance(self, log: str, cursor: int) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with _answering():
            self._client.index(index=self._cursors, id=f"spans-{log}", document={"log": log, "spool": cursor})

    def cursor(self, log: str) -> int:
        """See :class:`~receiver.traces.port.SpanStore`."""
        with _answering():
            found = self._client.options(ignore_status=404).get(index=self._cursors, id=f"spans-{log}")
        return int(found["_source"]["spool"]) if found.get("found") else 0

    def trace(self, tenant: str, trace_id: str) -> Found:
        """See :class:`~receiver.traces.port.TraceSource`."""
        with _answering():
            answer = self._client.search(
                index=f"{self._prefix}-*",
                allow_no_indices=True,
                query={"bool": {"filter": [{"term": {"trace.id": trace_id}}, {"term": {"audit.tenant": tenant}}]}},
                sort=[{"audit.start_ns": {"order": "asc", "unmapped_type": "long"}}, {"span.id": "asc"}],
                size=self._max + 1,
                source_includes=["audit.span"],
            )
        spans = [from_stored(orjson.loads(hit["_source"]["audit"]["span"]["json"])) for hit in answer["hits"]["hits"]]
        return Found(tuple(spans[: self._max]), len(spans) > self._max)

    def close(self) -> None:
        """See :class:`~receiver.traces.port.TraceSource`."""
        self._client.close()

    def _make(self, index: str) -> None:
        """Create *index* before the first write: a bulk that came first could make a data stream of that name."""
        if index in self._made:
            return
        with _answering():
            if not self._client.indices.exists(index=index):
                self._client.options(ignore_status=400).indices.create(index=index)
        self._made.add(index)


@contextmanager
def _answering() -> Iterator[None]:
    """Turns the client's trouble into ours."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise unavailable(error) from error


def _complain(items: Sequence[dict[str, dict[str, Any]]]) -> None:
    """409 says that a more complete version stands already; anything else is to be tried again."""
    for item in items:
        result = item["index"]
        if result["status"] not in (200, 201, 409):
            raise Unavailable(f"Elasticsearch refused a span: {str(result.get('error'))[:300]}")


def _document(span: Span) -> dict[str, Any]:
    """*span* in ECS; the whole of it stands as text in ``audit.span``, out of the server's reach."""
    return {
        "@timestamp": rfc3339(min(span.start_ns, _LONG_MAX)),
        "trace": {"id": span.trace_id},
        "span": {"id": span.span_id, "name": span.name},
        "parent": {"id": span.parent_span_id},
        "service": {"name": span.service},
        "event": {"duration": span.duration_ns, "outcome": _OUTCOMES.get(span.status, "unknown")},
        "audit": {
            "tenant": span.tenant,
            "start_ns": min(span.start_ns, _LONG_MAX),
            "span": {"json": orjson.dumps(to_stored(span)).decode()},
        },
    }


_OUTCOMES = {"ok": "success", "unset": "success", "error": "failure"}


def _id(span: Span) -> str:
    return f"{span.tenant}-{span.trace_id}-{span.span_id}"


def _version(span: Span) -> int:
    """Grows with completeness and fits a long: microseconds of the end, then up to 1023 attributes."""
    end_ns, attributes = completeness(span)
    return min(end_ns // 1000 << 10 | min(attributes, 1023), 2**62)


def _day(start_ns: int) -> str:
    return f"{datetime.fromtimestamp(min(start_ns, _LONG_MAX) // SECOND_NS, UTC):%Y.%m.%d}"
