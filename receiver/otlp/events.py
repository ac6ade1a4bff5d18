"""Where audit events stand in a request: on spans, and in log records with an event name."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from otel_audit import wire
from otel_audit.canonical import derived_event_id
from receiver.anyvalue import attributes_of, value_of
from receiver.otlp.seen import Spans, shown_on_record

#: How a log record named its event before it had a field for that.
_LEGACY_NAME = "event.name"
#: Under which metadata keys the rest of a log record is kept.
_BODY, _SEVERITY = "body", "severity_text"


@dataclass(frozen=True, slots=True)
class Found:
    """An authoritative audit event, whatever it stood in.

    ``sent_ns`` is its time as sent, which a repeat is compared by; ``time_ns`` that or the next best, 0 where there is
    none. ``attributes`` are as they were sent, ``more`` is metadata beside them, ``encoded`` all of the event.
    ``derived_id`` is its id where it brings none, ``seen`` what the trace shows of it beside what it said, ``alone`` a
    request with this one event.
    """

    signal: Literal["traces", "logs"]
    name: str
    sent_ns: int
    time_ns: int
    trace_id: str | None
    span_id: str | None
    attributes: Mapping[str, Any]
    resource: Mapping[str, str]
    encoded: Callable[[], bytes] = field(repr=False)
    derived_id: Callable[[], str] = field(repr=False)
    alone: Callable[[], bytes] = field(repr=False)
    seen: Callable[[Mapping[str, Any]], dict[str, Any]] = field(default=lambda said: {}, repr=False)
    more: Mapping[str, Any] = field(default_factory=dict)
    dropped_events: int = 0
    dropped_attributes: int = 0


def hex_id(raw: bytes, length: int) -> str | None:
    """*raw* in lower-case hex; None when it is of another length or all zero."""
    return raw.hex() if len(raw) == length and any(raw) else None


def is_audit(attributes: Iterable[KeyValue]) -> bool:
    """Whether attributes on the wire make their event an audit event."""
    return wire.is_audit_event(pair.key for pair in attributes)


# -- span events --------------------------------------------------------------------------------------------------


def span_events(request: ExportTraceServiceRequest) -> Iterator[Found]:
    """The audit events on the spans of *request*: copies people look at are passed over."""
    spans = Spans(request)
    for resource_spans in request.resource_spans:
        resource: dict[str, str] | None = None
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if not span.events:
                    continue
                on_span = _OnSpan(spans, resource_spans, scope_spans.scope, span)
                for event in span.events:
                    if not is_audit(event.attributes):
                        continue
                    attributes = attributes_of(event.attributes)
                    if attributes.get(wire.COPY) is True:
                        continue
                    if resource is None:
                        resource = wire.read_resource(attributes_of(resource_spans.resource.attributes))
                    yield on_span.found(event, attributes, resource)


class _OnSpan:
    """One span and what stands around it. Tells equal events apart by their place among those."""

    def __init__(self, spans: Spans, resource_spans: ResourceSpans, scope: InstrumentationScope, span: Span) -> None:
        self._spans = spans
        self._resource_spans = resource_spans
        self._scope = scope
        self._span = span
        self._on_carrier = scope.name == wire.SCOPE
        self._places: Counter[tuple[str, int]] = Counter()

    def found(self, event: Span.Event, attributes: dict[str, Any], resource: dict[str, str]) -> Found:
        span, on_carrier = self._span, self._on_carrier
        place = self._places[event.name, event.time_unix_nano]
        self._places[event.name, event.time_unix_nano] += 1
        parent = hex_id(span.parent_span_id, 8) if on_carrier else None
        return Found(
            signal="traces",
            name=event.name,
            sent_ns=event.time_unix_nano,
            time_ns=event.time_unix_nano or span.end_time_unix_nano,
            trace_id=hex_id(span.trace_id, 16),
            span_id=parent or hex_id(span.span_id, 8),
            attributes=attributes,
            resource=resource,
            encoded=event.SerializeToString,
            derived_id=lambda: derived_event_id(span.trace_id, span.span_id, event.name, event.time_unix_nano, place),
            alone=lambda: _span_alone(self._resource_spans.resource, self._scope, span, event),
            seen=lambda said: self._spans.seen(self._resource_spans, span, on_carrier, said),
            # A carrier's parent may drop what it likes: the carrier has it.
            dropped_events=0 if on_carrier else span.dropped_events_count,
            dropped_attributes=event.dropped_attributes_count,
        )


def _span_alone(resource: Resource, scope: InstrumentationScope, span: Span, event: Span.Event) -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.CopyFrom(resource)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.CopyFrom(scope)
    alone = scope_spans.spans.add()
    alone.CopyFrom(span)
    del alone.events[:]
    alone.events.add().CopyFrom(event)
    return request.SerializeToString(deterministic=True)


# -- log records --------------------------------------------------------------------------------------------------


def log_events(request: ExportLogsServiceRequest) -> Iterator[Found]:
    """The audit events among the log records of *request*: those with a name and a key that says so."""
    places: Counter[int] = Counter()
    for resource_logs in request.resource_logs:
        resource: dict[str, str] | None = None
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                if not is_audit(record.attributes):
                    continue
                attributes = attributes_of(record.attributes)
                shown = _taken_along(attributes) if scope_logs.scope.name == wire.SCOPE else {}
                name = record.event_name or attributes.pop(_LEGACY_NAME, "")
                if not isinstance(name, str) or not name or attributes.get(wire.COPY) is True:
                    continue
                if resource is None:
                    resource = wire.read_resource(attributes_of(resource_logs.resource.attributes))
                # They come one a request, on clocks of milliseconds: what they say tells them apart, then their place.
                said = _said(record, name)
                place = said + places[said]
                places[said] += 1
                yield _record_found(resource_logs, scope_logs.scope, record, name, attributes, resource, place, shown)


def _record_found(
    resource_logs: ResourceLogs,
    scope: InstrumentationScope,
    record: LogRecord,
    name: str,
    attributes: dict[str, Any],
    resource: dict[str, str],
    place: int,
    shown: dict[str, Any],
) -> Found:
    beside = {_BODY: value_of(record.body), _SEVERITY: record.severity_text or None}
    return Found(
        signal="logs",
        name=name,
        sent_ns=record.time_unix_nano,
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        trace_id=hex_id(record.trace_id, 16),
        span_id=hex_id(record.span_id, 8),
        attributes=attributes,
        resource=resource,
        encoded=record.SerializeToString,
        derived_id=lambda: derived_event_id(
            record.trace_id or _process(resource_logs.resource.attributes),
            record.span_id,
            name,
            record.time_unix_nano or record.observed_time_unix_nano,
            place,
        ),
        alone=lambda: _record_alone(resource_logs.resource, scope, record),
        seen=lambda said: shown_on_record(shown, said),
        more={key: value for key, value in beside.items() if value not in (None, "", [], {})},
        dropped_attributes=record.dropped_attributes_count,
    )


def _taken_along(attributes: dict[str, Any]) -> dict[str, Any]:
    """What a carrier shows of the application's span, out of *attributes*: nothing of it was said by the event."""
    return {key: attributes.pop(key) for key in list(attributes) if key.startswith(wire.SPAN_PREFIX)}


def _said(record: LogRecord, name: str) -> int:
    """A number that stands for what *record* says, when, and where."""
    own = [name, record.trace_id, record.span_id, record.time_unix_nano]
    pairs = sorted(pair.SerializeToString(deterministic=True) for pair in record.attributes)
    return int.from_bytes(sha256(repr([own, pairs]).encode()).digest()[:6])


def _process(resource: Iterable[KeyValue]) -> bytes:
    """Stands in for the trace of a record outside any: what two processes say at one moment is not the same."""
    return sha256(repr(sorted(attributes_of(resource).items())).encode()).digest()[:16]


def _record_alone(resource: Resource, scope: InstrumentationScope, record: LogRecord) -> bytes:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.CopyFrom(resource)
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.CopyFrom(scope)
    scope_logs.log_records.add().CopyFrom(record)
    return request.SerializeToString(deterministic=True)
