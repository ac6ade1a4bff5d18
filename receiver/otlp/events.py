"""Where audit events stand in a request: on spans, and in log records with an event name."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_audit import wire
from otel_audit.canonical import derived_event_id
from receiver.anyvalue import attributes_of, value_of
from receiver.items import Outline
from receiver.otlp import decode
from receiver.otlp.seen import Spans, is_carrier_scope, resource_of, shown_on_record

#: A request without these bytes, or a span or a log record, holds no audit event and need not be read.
MARK = wire.PREFIX.encode()

#: How a log record named its event before it had a field for that.
_LEGACY_NAME = "event.name"
#: Under which metadata keys the rest of a log record is kept.
_BODY, _SEVERITY = "body", "severity_text"


class Found(NamedTuple):
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
    encoded: Callable[[], bytes]
    derived_id: Callable[[], str]
    alone: Callable[[], bytes]
    seen: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda said: {}
    more: Mapping[str, Any] = MappingProxyType({})
    dropped_events: int = 0
    dropped_attributes: int = 0


def hex_id(raw: bytes, length: int) -> str | None:
    """*raw* in lower-case hex; None when it is of another length or all zero."""
    return raw.hex() if len(raw) == length and any(raw) else None


def marked(items: Iterable[bytes]) -> list[bytes]:
    """Those of *items* that may hold an audit event: the others need not be read."""
    # From the end, because CPython does that several times as fast on most bodies of what spans consist of.
    return [item for item in items if item.rfind(MARK) >= 0]


# -- span events --------------------------------------------------------------------------------------------------


def span_events(body: bytes) -> Iterator[Found]:
    """The audit events on the spans of a serialized request: copies people look at are passed over.

    Only spans with ``audit.`` in their bytes are read. Refused when the request's outline, or one of these, is broken.
    """
    spans = Spans(decode.parsed(Outline, body))
    for resource in spans.resources:
        known: Mapping[str, str] | None = None
        for scope in resource.scopes:
            on_carrier: bool | None = None
            for item in marked(scope.items):
                if known is None:
                    known = resource_of(resource)
                if on_carrier is None:
                    on_carrier = is_carrier_scope(scope)
                on_span = _OnSpan(spans, resource, scope, decode.parsed(Span, item), known, on_carrier)
                yield from on_span.events()


class _OnSpan:
    """One span and what stands around it. Tells equal events apart by their place among those."""

    def __init__(
        self, spans: Spans, resource: Any, scope: Any, span: Span, known: Mapping[str, str], on_carrier: bool
    ) -> None:
        self._spans = spans
        self._resource = resource
        self._scope = scope
        self._span = span
        self._known = known
        self._on_carrier = on_carrier
        self._places: Counter[tuple[str, int]] = Counter()

    def events(self) -> Iterator[Found]:
        """Those that are authoritative."""
        for event in self._span.events:
            attributes = attributes_of(event.attributes)
            if wire.is_audit_event(attributes) and attributes.get(wire.COPY) is not True:
                yield self._found(event, attributes)

    def _found(self, event: Span.Event, attributes: dict[str, Any]) -> Found:
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
            resource=self._known,
            encoded=event.SerializeToString,
            derived_id=lambda: derived_event_id(span.trace_id, span.span_id, event.name, event.time_unix_nano, place),
            alone=lambda: _span_alone(self._resource, self._scope, span, event),
            seen=lambda said: self._spans.seen(self._known.get("service_name", ""), span, on_carrier, said),
            # A carrier's parent may drop what it likes: the carrier has it.
            dropped_events=0 if on_carrier else span.dropped_events_count,
            dropped_attributes=event.dropped_attributes_count,
        )


def _span_alone(resource: Any, scope: Any, span: Span, event: Span.Event) -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.ParseFromString(b"".join(resource.resource))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.ParseFromString(b"".join(scope.scope))
    alone = scope_spans.spans.add()
    alone.CopyFrom(span)
    del alone.events[:]
    alone.events.add().CopyFrom(event)
    return request.SerializeToString(deterministic=True)


# -- log records --------------------------------------------------------------------------------------------------


def log_events(body: bytes) -> Iterator[Found]:
    """The audit events among the log records of a serialized request: those with a name and a key that says so.

    Only records with ``audit.`` in their bytes are read. Refused when the outline, or one of these, is broken.
    """
    places: Counter[int] = Counter()
    for resource in decode.parsed(Outline, body).resources:
        known: Mapping[str, str] | None = None
        for scope in resource.scopes:
            records = [decode.parsed(LogRecord, item) for item in marked(scope.items)]
            carries = bool(records) and is_carrier_scope(scope)
            for record in records:
                attributes = attributes_of(record.attributes)
                if not wire.is_audit_event(attributes):
                    continue
                shown = _taken_along(attributes) if carries else {}
                name = record.event_name or attributes.pop(_LEGACY_NAME, "")
                if not isinstance(name, str) or not name or attributes.get(wire.COPY) is True:
                    continue
                if known is None:
                    known = resource_of(resource)
                # They come one a request, on clocks of milliseconds: what they say tells them apart, then their place.
                said = _said(record, name)
                place = said + places[said]
                places[said] += 1
                yield _record_found(resource, scope, record, name, attributes, known, place, shown)


def _record_found(
    resource: Any,
    scope: Any,
    record: LogRecord,
    name: str,
    attributes: dict[str, Any],
    known: Mapping[str, str],
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
        resource=known,
        encoded=record.SerializeToString,
        derived_id=lambda: derived_event_id(
            record.trace_id or _process(b"".join(resource.resource)),
            record.span_id,
            name,
            record.time_unix_nano or record.observed_time_unix_nano,
            place,
        ),
        alone=lambda: _record_alone(resource, scope, record),
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


def _process(resource: bytes) -> bytes:
    """Stands in for the trace of a record outside any: what two processes say at one moment is not the same."""
    attributes = attributes_of(decode.parsed(Resource, resource).attributes)
    return sha256(repr(sorted(attributes.items())).encode()).digest()[:16]


def _record_alone(resource: Any, scope: Any, record: LogRecord) -> bytes:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.ParseFromString(b"".join(resource.resource))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.ParseFromString(b"".join(scope.scope))
    scope_logs.log_records.add().CopyFrom(record)
    return request.SerializeToString(deterministic=True)
