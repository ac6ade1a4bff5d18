"""A carrier: the span or the log record of our own on which one audit event travels, as OTLP protobuf."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan

from otel_audit import wire
from otel_audit._attributes import fill
from otel_audit._config import Carrier
from otel_audit._event import Event, span_id_of
from otel_audit._shown import shown_by
from otel_audit._signal import LOGS, SPANS, Signal
from otel_audit.catalog import Severity, meaning_of

#: As OpenTelemetry's log data model maps syslog's severities.
_SEVERITY_NUMBERS: Mapping[Severity, int] = {"info": 9, "notice": 10, "warning": 13, "critical": 18}


class Carried(Protocol):
    """What travels: an event, its number in the stream (0: none), and the span that shows more about it."""

    @property
    def number(self) -> int: ...
    @property
    def event(self) -> Event: ...
    @property
    def span(self) -> ReadableSpan | None: ...


class Request(NamedTuple):
    """One export request, serialized, and the service it is for."""

    signal: Signal
    body: bytes


def requests(
    carrier: Carrier, resource: Mapping[str, Any], version: str, source_id: str, events: Sequence[Carried]
) -> tuple[Request, ...]:
    """What is to be sent for *events* of the stream *source_id*: a request for each kind of carrier."""
    told = [(carried, *_told(source_id, carried)) for carried in events]
    chosen = {"span_event": (_spans,), "log_record": (_logs,), "both": (_spans, _logs)}[carrier]
    return tuple(make(resource, version, told) for make in chosen)


#: An event that travels, its name, and its attributes with its place in the stream.
_Told = tuple[Carried, str, dict[str, Any]]


def _told(source_id: str, carried: Carried) -> tuple[str, dict[str, Any]]:
    name, attributes = carried.event.read()
    if carried.number:
        attributes[wire.SOURCE_ID] = source_id
        attributes[wire.SEQUENCE] = carried.number
    return name, attributes


# Messages are filled where they stand: to make them apart and put them together costs three times as much.


def _spans(resource: Mapping[str, Any], version: str, events: Sequence[_Told]) -> Request:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    fill(resource_spans.resource.attributes, resource)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = wire.SCOPE
    scope_spans.scope.version = version
    for carried, name, attributes in events:
        _fill_span(scope_spans.spans.add(), carried, name, attributes)
    return Request(SPANS, request.SerializeToString())


def _fill_span(carrier: Span, carried: Carried, name: str, attributes: Mapping[str, Any]) -> None:
    event = carried.event
    carrier.trace_id = event.trace_id.to_bytes(16)
    carrier.span_id = span_id_of(attributes)
    if event.parent_span_id:
        carrier.parent_span_id = event.parent_span_id.to_bytes(8)
    carrier.name = name
    carrier.kind = Span.SPAN_KIND_INTERNAL
    carrier.start_time_unix_nano = carrier.end_time_unix_nano = event.time_ns
    if carried.span is not None:
        fill(carrier.attributes, shown_by(carried.span))
    told = carrier.events.add()
    told.name = name
    told.time_unix_nano = event.time_ns
    fill(told.attributes, attributes)


def _logs(resource: Mapping[str, Any], version: str, events: Sequence[_Told]) -> Request:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    fill(resource_logs.resource.attributes, resource)
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = wire.SCOPE
    scope_logs.scope.version = version
    for carried, name, attributes in events:
        _fill_record(scope_logs.log_records.add(), carried, name, attributes)
    return Request(LOGS, request.SerializeToString())


def _fill_record(record: LogRecord, carried: Carried, name: str, attributes: Mapping[str, Any]) -> None:
    event = carried.event
    record.event_name = name
    record.time_unix_nano = record.observed_time_unix_nano = event.time_ns
    severity = attributes.get(wire.SEVERITY) or meaning_of(name, attributes.get(wire.OUTCOME)).severity
    record.severity_number = SeverityNumber.ValueType(_SEVERITY_NUMBERS.get(severity, 0))
    record.trace_id = event.trace_id.to_bytes(16)
    # Outside any span the one a carrier span would have, so that both kinds tell the same entry.
    record.span_id = event.parent_span_id.to_bytes(8) if event.parent_span_id else span_id_of(attributes)
    fill(record.attributes, attributes)
    if carried.span is not None:
        fill(record.attributes, {_on_record(key): value for key, value in shown_by(carried.span).items()})


def _on_record(key: str) -> str:
    """A record has one list of attributes: what the span shows stands apart in it."""
    return key if key.startswith(wire.SPAN_PREFIX) else f"{wire.SPAN_PREFIX}{key}"
