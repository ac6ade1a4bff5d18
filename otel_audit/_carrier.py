"""A carrier: the span of our own on which one audit event travels, as OTLP protobuf."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.trace import ReadableSpan

from otel_audit import redact, wire
from otel_audit._event import Event, span_id_of


class Carried(Protocol):
    """What travels: an event, its number in the stream (0: none), and the span that shows more about it."""

    @property
    def number(self) -> int: ...
    @property
    def event(self) -> Event: ...
    @property
    def span(self) -> ReadableSpan | None: ...


def request(resource: Mapping[str, Any], version: str, source_id: str, events: Sequence[Carried]) -> bytes:
    """One export request with a carrier for each of *events* of the stream *source_id*."""
    scope = InstrumentationScope(name=wire.SCOPE, version=version)
    spans = ScopeSpans(scope=scope, spans=[_carrier(source_id, carried) for carried in events])
    carried = ResourceSpans(resource=Resource(attributes=_key_values(resource)), scope_spans=[spans])
    return ExportTraceServiceRequest(resource_spans=[carried]).SerializeToString()


def _carrier(source_id: str, carried: Carried) -> Span:
    event = carried.event
    name, attributes = event.read()
    if carried.number:
        attributes[wire.SOURCE_ID] = source_id
        attributes[wire.SEQUENCE] = carried.number
    return Span(
        trace_id=event.trace_id.to_bytes(16),
        span_id=span_id_of(attributes),
        parent_span_id=event.parent_span_id.to_bytes(8) if event.parent_span_id else b"",
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=event.time_ns,
        end_time_unix_nano=event.time_ns,
        attributes=[] if carried.span is None else _key_values(_shown(carried.span)),
        events=[Span.Event(time_unix_nano=event.time_ns, name=name, attributes=_key_values(attributes))],
    )


def _shown(span: ReadableSpan) -> dict[str, Any]:
    """What the application's span shows by now: itself and its request, as far as an entry tells of them."""
    attributes = span.attributes or {}
    shown, _ = redact.redact({key: attributes[key] for key in wire.REQUEST if key in attributes})
    shown[wire.SPAN_NAME] = span.name
    shown[wire.SPAN_KIND] = span.kind.name.lower()
    if span.parent is not None:
        shown[wire.SPAN_PARENT] = f"{span.parent.span_id:016x}"
    if span.end_time is not None and span.start_time is not None:
        shown[wire.SPAN_STATUS] = span.status.status_code.name.lower()
        shown[wire.SPAN_DURATION_NS] = span.end_time - span.start_time
    return shown


def _key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=_text(str(key)), value=_value(value)) for key, value in attributes.items()]


def _text(text: str) -> str:
    """Text as protobuf takes it: a lone surrogate, which is no Unicode, becomes a question mark."""
    return text.encode(errors="replace").decode()


def _value(value: Any) -> AnyValue:
    """What OTLP has no kind for travels as its text: an odd value never costs an event."""
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=_text(value))
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=_key_values(value)))
    if isinstance(value, list | tuple | set | frozenset):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    return AnyValue(string_value=_text(str(value)))
