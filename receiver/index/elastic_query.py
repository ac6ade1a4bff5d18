"""A :class:`~receiver.index.query.Query` in Elasticsearch's own words."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from otel_audit.canonical import rfc3339, unix_ns
from otel_audit.wire import PREFIX
from receiver.claims import UNAUTHORISED
from receiver.index.document import NUMERIC, PLAIN, STATES
from receiver.index.moment import bound_ns
from receiver.index.port import COUNTED_MAX
from receiver.index.query import EXACT, FACETS, Position, Query, Range

_FORMAT = "strict_date_optional_time_nanos"
_TIME = {"event": "@timestamp", "received": "event.ingested"}

_MOST = [{"_count": "desc"}, {"_key": "asc"}]

Clause = dict[str, Any]


def search_body(query: Query) -> dict[str, Any]:
    """The request for one page and one entry more, which tells whether there is another page."""
    time = {_TIME[query.time]: {"order": query.order, "format": _FORMAT, "unmapped_type": "date_nanos"}}
    body: dict[str, Any] = {
        "query": _matching(query),
        "sort": [time, {"event.id": {"order": query.order, "unmapped_type": "keyword"}}],
        "size": query.limit + 1,
        "track_total_hits": COUNTED_MAX,
    }
    if query.after is not None:
        body["search_after"] = [rfc3339(bound_ns(query.after.time_ns)), query.after.event_id]
    return body


def facets_body(query: Query, size: int) -> dict[str, Any]:
    """The request that counts the matches by each field."""
    by = {name: {"terms": {"field": PLAIN[field], "size": size, "order": _MOST}} for name, field in FACETS.items()}
    return {"query": _matching(query), "size": 0, "track_total_hits": False, "aggs": by}


def _matching(query: Query) -> Clause:
    return {"bool": {"filter": list(_asked(query)), "must_not": list(_left_out(query))}}


def position_of_hit(hit: Mapping[str, Any]) -> Position:
    """Where a hit stands in the order it was asked for in."""
    time, event_id = hit["sort"]
    return Position(unix_ns(time), event_id)


def of_traces(traces: Collection[tuple[str, str]]) -> Clause:
    """The clause for the entries of these traces (tenant, trace id)."""
    by_tenant: dict[str, list[str]] = defaultdict(list)
    for tenant, trace_id in traces:
        by_tenant[tenant].append(trace_id)
    tenant_at, trace_at = PLAIN["tenant"], PLAIN["trace_id"]
    each = [
        {"bool": {"filter": [{"term": {tenant_at: tenant}}, {"terms": {trace_at: trace_ids}}]}}
        for tenant, trace_ids in by_tenant.items()
    ]
    return {"bool": {"should": each, "minimum_should_match": 1}}


def numbers_between(source_id: str, first: int, last: int) -> Clause:
    """The clause for a stream's entries with these numbers, but for those that somebody else claims to be of it."""
    asked = [{"term": {"audit.source.id": source_id}}, {"range": {"event.sequence": {"gte": first, "lte": last}}}]
    return {"bool": {"filter": asked, "must_not": [{"term": {PLAIN["anomalies"]: UNAUTHORISED}}]}}


def _left_out(query: Query) -> Iterator[Clause]:
    if not query.wants_own:
        yield {"prefix": {PLAIN["action"]: PREFIX}}


def _asked(query: Query) -> Iterator[Clause]:
    yield {"term": {PLAIN["tenant"]: query.tenant}}
    if query.actions:
        yield (
            {"bool": {"should": list(map(_action, query.actions))}} if query.actions[1:] else _action(query.actions[0])
        )
    for asked, field in EXACT.items():
        if (value := getattr(query, asked)) is not None:
            yield {"term": {PLAIN[field]: value}}
    if query.related:
        yield {"terms": {PLAIN["related"]: list(query.related)}}
    if query.traces:
        yield {"terms": {PLAIN["trace_id"]: list(query.traces)}}
    if query.status_code_min is not None:
        yield {"range": {"http.response.status_code": {"gte": query.status_code_min}}}
    bounds = {"gte": query.since_ns, "lt": query.until_ns}
    if given := {name: rfc3339(bound_ns(ns)) for name, ns in bounds.items() if ns is not None}:
        yield {"range": {_TIME[query.time]: given | {"format": _FORMAT}}}
    for word in query.words:
        yield {"term": {"audit.words": word}}
    if query.amount is not None:
        yield _within("audit.amount", query.amount)
    for key, within in query.numbers:
        yield _within(f"{NUMERIC}.{key}", within)
    for leaf in query.leaves:
        yield {"term": {f"{STATES[leaf.field]}.{leaf.path}": leaf.value}}


def _within(field: str, bounds: Range) -> Clause:
    given = {"gte": bounds.least, "lte": bounds.most}
    return {"range": {field: {name: bound for name, bound in given.items() if bound is not None}}}


def _action(pattern: str) -> Clause:
    if "*" not in pattern:
        return {"term": {PLAIN["action"]: pattern}}
    escaped = pattern.replace("\\", "\\\\").replace("?", "\\?")
    return {"wildcard": {PLAIN["action"]: {"value": escaped}}}
