"""Trace requests as senders make them."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

TRACE = bytes.fromhex("5b8efff798038103d269b633813fc60c")
SERVER_SPAN = bytes.fromhex("eee19b7ec3c1b173")
INNER_SPAN = bytes.fromhex("eee19b7ec3c1b174")
CARRIER_SPAN = bytes.fromhex("eee19b7ec3c1b175")
#: 2026-11-23T10:00:00Z
NOON = 1_795_428_000_000_000_000
SECOND = 1_000_000_000


def any_value(value: Any) -> AnyValue:
    """*value* as OTLP says it."""
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    return AnyValue(string_value=value)


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """*attributes* as OTLP says them."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def event(name: str = "user.login.success", time_ns: int = NOON, **attributes: Any) -> Span.Event:
    """A span event; ``audit__reason`` stands for the key ``audit.reason``."""
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return Span.Event(name=name, time_unix_nano=time_ns, attributes=key_values(named))


def span(
    *events: Span.Event,
    span_id: bytes = INNER_SPAN,
    parent: bytes = SERVER_SPAN,
    name: str = "work",
    kind: Any = Span.SPAN_KIND_INTERNAL,
    attributes: Mapping[str, Any] | None = None,
    trace_id: bytes = TRACE,
) -> Span:
    """A span of two milliseconds around noon."""
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name=name,
        kind=kind,
        start_time_unix_nano=NOON - 1_000_000,
        end_time_unix_nano=NOON + 1_000_000,
        attributes=key_values(attributes or {}),
        events=events,
        status=Status(code=Status.STATUS_CODE_OK),
    )


def server_span(**attributes: Any) -> Span:
    """The span of the request that the others stand under."""
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return span(span_id=SERVER_SPAN, parent=b"", name="POST /orders", kind=Span.SPAN_KIND_SERVER, attributes=named)


def request(*spans: Span, scope: str = "app", service: str = "shop") -> ExportTraceServiceRequest:
    """One service's spans of one scope."""
    whole = ExportTraceServiceRequest()
    add(whole, *spans, scope=scope, service=service)
    return whole


def add(whole: ExportTraceServiceRequest, *spans: Span, scope: str, service: str = "shop") -> None:
    """Put more spans into a request."""
    resource_spans = whole.resource_spans.add()
    resource_spans.resource.attributes.extend(key_values({"service.name": service, "service.version": "1.2"}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    scope_spans.spans.extend(spans)
