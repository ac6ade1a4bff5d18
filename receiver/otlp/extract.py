"""Audit events out of a trace request: pure, a broken one is set aside and never guessed at."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otel_audit import redact, wire
from otel_audit.canonical import canonical, derived_event_id, rfc3339
from receiver.anyvalue import attributes_of
from receiver.claims import ANYTHING, Claims
from receiver.clock import DAY_NS
from receiver.otlp.anomalies import anomalies_of
from receiver.otlp.seen import Spans
from receiver.row import Draft

#: Further ahead than this an event's time is not believed.
AHEAD_MAX_NS = DAY_NS


@dataclass(frozen=True, slots=True)
class Reception:
    """What the receiver vouches for: when the request came, whose it is, who handed it in."""

    received_ns: int
    tenant: str = "default"
    sender: str | None = None
    peer: str | None = None
    oldest_days: int = 2555
    claims: Claims = ANYTHING

    @property
    def facts(self) -> dict[str, Any]:
        """The entry fields that say so."""
        return {
            "received_at": rfc3339(self.received_ns),
            "tenant": self.tenant,
            "sender": {"id": self.sender, "peer": self.peer},
        }


@dataclass(frozen=True, slots=True)
class Extracted:
    """The audit events of one request, ready for the journal; *problems* tells what was wrong with each broken one.

    *streams* are those its events say they are of.
    """

    entries: tuple[Draft, ...] = ()
    quarantined: tuple[Draft, ...] = ()
    reports: tuple[Draft, ...] = ()
    problems: tuple[str, ...] = ()
    streams: frozenset[str] = frozenset()

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """All of them."""
        return self.entries + self.quarantined + self.reports


@dataclass(frozen=True, slots=True)
class _Found:
    """An audit event and what it stands in; *ordinal* is its place among the span's events of its name and time."""

    resource_spans: ResourceSpans
    scope_spans: ScopeSpans
    span: Span
    event: Span.Event
    attributes: Mapping[str, Any] = field(repr=False)
    resource: Mapping[str, str] = field(repr=False)
    ordinal: int

    @property
    def on_carrier(self) -> bool:
        """Whether the SDK sent it on a span of its own."""
        return bool(self.scope_spans.scope.name == wire.SCOPE)

    @property
    def span_id(self) -> str | None:
        """The span it belongs to: a carrier's parent, where it has one."""
        parent = hex_id(self.span.parent_span_id, 8) if self.on_carrier else None
        return parent or hex_id(self.span.span_id, 8)

    @property
    def trace_id(self) -> str | None:
        """The trace it belongs to, None when the id is none."""
        return hex_id(self.span.trace_id, 16)


def extract(request: ExportTraceServiceRequest, reception: Reception) -> Extracted:
    """Read the audit events out of *request*; the broken are set aside with their bytes, the others stored."""
    by_kind: dict[str, list[Draft]] = {"entry": [], "quarantined": [], "report": []}
    problems = []
    streams = set()
    spans = Spans(request)
    for found in _audit_events(request):
        streams.add(str(found.attributes.get(wire.SOURCE_ID, "")))
        try:
            draft = _draft(found, reception, spans)
        except Exception as error:  # whatever it is about this one event, its neighbours are stored
            reason = str(error) if isinstance(error, wire.BrokenEvent) else f"cannot be read: {error!r}"
            problems.append(f"{found.event.name[:80] or '(no name)'}: {reason}")
            draft = _quarantined(found, reception, reason)
        by_kind[draft.kind].append(draft)
    return Extracted(
        entries=tuple(by_kind["entry"]),
        quarantined=tuple(by_kind["quarantined"]),
        reports=tuple(by_kind["report"]),
        problems=tuple(problems),
        streams=frozenset(streams - {""}),
    )


def _audit_events(request: ExportTraceServiceRequest) -> Iterator[_Found]:
    """Every authoritative audit event: copies people look at are passed over."""
    for resource_spans in request.resource_spans:
        resource: dict[str, str] | None = None
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                places: Counter[tuple[str, int]] = Counter()
                for event in span.events:
                    if not wire.is_audit_event(pair.key for pair in event.attributes):
                        continue
                    attributes = _clean_attributes(event)
                    if attributes.get(wire.COPY) is True:
                        continue
                    if resource is None:
                        resource = wire.read_resource(attributes_of(resource_spans.resource.attributes))
                    place = (event.name, event.time_unix_nano)
                    yield _Found(resource_spans, scope_spans, span, event, attributes, resource, places[place])
                    places[place] += 1


def _clean_attributes(event: Span.Event) -> dict[str, Any]:
    """What the event says, without what must not be told, whoever sent it."""
    attributes = attributes_of(event.attributes)
    if redact.needed(attributes, event.SerializeToString()):
        attributes, _ = redact.redact(attributes)
    return attributes


def _draft(found: _Found, reception: Reception, spans: Spans) -> Draft:
    """The event as an entry, or as a report; BrokenEvent when it breaks the convention."""
    time_ns = found.event.time_unix_nano or found.span.end_time_unix_nano or reception.received_ns
    said = wire.read_event(found.event.name, _without_empty(found.attributes))
    said = {
        "event_id": _derived_id(found),
        "timestamp": rfc3339(time_ns),
        **reception.facts,
        "trace_id": found.trace_id,
        "span_id": found.span_id,
        **found.resource,
        **said,
    }
    anomalies = anomalies_of(said, reception.claims, time_ns - reception.received_ns)
    if anomalies:
        said["anomalies"] = anomalies
    return Draft(
        kind="report" if found.event.name == wire.STREAM_REPORT else "entry",
        tenant=reception.tenant,
        event_id=said["event_id"],
        digest=_digest(found),
        values=orjson.dumps({field: value for field, value in said.items() if value is not None}),
        seen=orjson.dumps(spans.seen(found.resource_spans, found.span, found.on_carrier, said)),
        outlier=_is_outlier(time_ns, reception),
        received_ns=reception.received_ns,
        anomalies=anomalies,
    )


def _without_empty(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A convention attribute without a value says nothing; any other is kept as it is."""
    return {key: value for key, value in attributes.items() if value is not None or key not in wire.FIELDS}


def _derived_id(found: _Found) -> str:
    span, event = found.span, found.event
    return derived_event_id(span.trace_id, span.span_id, event.name, event.time_unix_nano, found.ordinal)


def _digest(found: _Found) -> bytes:
    """What a repeat is compared by: name, time as sent, trace and span id, the event's own attributes."""
    event = found.event
    own = [event.name, str(event.time_unix_nano), found.trace_id, found.span_id, found.attributes]
    return sha256(canonical(own)).digest()


def _is_outlier(time_ns: int, reception: Reception) -> bool:
    ahead_ns = time_ns - reception.received_ns
    return ahead_ns > AHEAD_MAX_NS or -ahead_ns > reception.oldest_days * DAY_NS


def _quarantined(found: _Found, reception: Reception, reason: str) -> Draft:
    """The broken event with everything that is needed to read it again: a request with this one event in it."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.CopyFrom(found.resource_spans.resource)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.CopyFrom(found.scope_spans.scope)
    span = scope_spans.spans.add()
    span.CopyFrom(found.span)
    del span.events[:]
    span.events.add().CopyFrom(found.event)
    raw = request.SerializeToString(deterministic=True)
    facts = reception.facts
    values = {
        "reason": reason,
        "raw": b64encode(raw).decode(),
        "received_at": facts["received_at"],
        "sender": facts["sender"],
        "service_name": found.resource.get("service_name"),
        **_place_in_stream(found.attributes),
    }
    return Draft(
        kind="quarantined",
        tenant=reception.tenant,
        event_id=None,
        digest=sha256(raw).digest(),
        values=orjson.dumps(values),
        seen=b"{}",
        outlier=False,
        received_ns=reception.received_ns,
    )


def _place_in_stream(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The number it was sent under: what is broken was received all the same."""
    source_id, sequence = attributes.get(wire.SOURCE_ID), attributes.get(wire.SEQUENCE)
    return {"source": {"id": source_id, "sequence": sequence}} if isinstance(source_id, str) else {}


def hex_id(raw: bytes, length: int) -> str | None:
    """*raw* in lower-case hex; None when it is of another length or all zero."""
    return raw.hex() if len(raw) == length and any(raw) else None
