"""A carrier: the span of our own on which one audit event travels, as OTLP protobuf."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.trace import ReadableSpan

from otel_audit import wire


@dataclass(frozen=True, slots=True)
class Event:
    """An event on its way. *span* is the application's span it belongs to, where that one records anything."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]
    trace_id: int
    parent_span_id: int
    span: ReadableSpan | None
    due: float


def request(resource: Mapping[str, Any], version: str, events: Sequence[Event]) -> bytes:
    """One export request with a carrier for each of *events*."""
    scope = InstrumentationScope(name=wire.SCOPE, version=version)
    spans = ScopeSpans(scope=scope, spans=[_carrier(event) for event in events])
    carried = ResourceSpans(resource=Resource(attributes=_key_values(resource)), scope_spans=[spans])
    return ExportTraceServiceRequest(resource_spans=[carried]).SerializeToString()


def _carrier(event: Event) -> Span:
    shown = {} if event.span is None else _shown(event.span)
    return Span(
        trace_id=event.trace_id.to_bytes(16, "big"),
        span_id=secrets.token_bytes(8),
        parent_span_id=event.parent_span_id.to_bytes(8, "big") if event.parent_span_id else b"",
        name=_text(event.name),
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=event.time_ns,
        end_time_unix_nano=event.time_ns,
        attributes=_key_values(shown),
        events=[
            Span.Event(time_unix_nano=event.time_ns, name=_text(event.name), attributes=_key_values(event.attributes))
        ],
    )


def _shown(span: ReadableSpan) -> dict[str, Any]:
    """What the application's span shows by now."""
    shown: dict[str, Any] = dict(span.attributes or {})
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
