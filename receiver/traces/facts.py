"""Which facts a trace's spans give an entry that it did not have."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from otel_audit import wire
from otel_audit.entry import REQUEST_FIELDS, SEEN_FIELDS, Entry
from receiver.traces.span import Span

#: More steps up than any honest trace has; a loop of parents ends here.
ANCESTORS_MAX = 1000


class Lacking(NamedTuple):
    """An entry that its trace may still tell something about."""

    partition: str
    tenant: str
    event_id: str
    span_id: str
    service: str | None
    fields: frozenset[str]


def lacking(entry: Entry, partition: str) -> Lacking | None:
    """What *entry* lacks; None when nothing, or when it stands in no trace."""
    fields = frozenset(field for field in SEEN_FIELDS if getattr(entry, field) is None)
    if not fields or entry.trace_id is None or entry.span_id is None:
        return None
    return Lacking(partition, entry.tenant, entry.event_id, entry.span_id, entry.service_name, fields)


def facts_for(entry: Lacking, spans: Sequence[Span]) -> dict[str, Any]:
    """Entry field ▶ value, of the fields it lacks: from its own span, its request else from the nearest
    SERVER ancestor of the same service."""
    by_id = {span.span_id: span for span in spans}
    own = by_id.get(entry.span_id)
    if own is None:
        return {}
    facts = {**_own(own), **wire.read_request(own.attributes)}
    if any(field in entry.fields and field not in facts for field in REQUEST_FIELDS):
        facts = {**_server_request(own, entry.service, by_id), **facts}
    return {field: value for field, value in facts.items() if field in entry.fields and value is not None}


def _own(span: Span) -> dict[str, Any]:
    return {
        "span_name": span.name,
        "span_kind": span.kind,
        "span_status": span.status,
        "duration_ms": span.duration_ns / 1e6 if span.end_ns else None,
        "parent_span_id": span.parent_span_id,
    }


def _server_request(span: Span, service: str | None, by_id: Mapping[str, Span]) -> dict[str, Any]:
    for _ in range(ANCESTORS_MAX):
        above = by_id.get(span.parent_span_id or "")
        if above is None or above.service != service:
            return {}
        if above.kind == "server":
            return wire.read_request(above.attributes)
        span = above
    return {}
