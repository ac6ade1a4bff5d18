"""A carrier: the span of our own on which one audit event travels, as OTLP protobuf."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan

from otel_audit import wire
from otel_audit._event import Event, span_id_of
from otel_audit._said import redacted


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
    # Messages are filled where they stand: to make them apart and put them together costs three times as much.
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    _fill(resource_spans.resource.attributes, resource)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = wire.SCOPE
    scope_spans.scope.version = version
    for carried in events:
        _fill_carrier(scope_spans.spans.add(), source_id, carried)
    return request.SerializeToString()


def _fill_carrier(carrier: Span, source_id: str, carried: Carried) -> None:
    event = carried.event
    name, attributes = event.read()
    if carried.number:
        attributes[wire.SOURCE_ID] = source_id
        attributes[wire.SEQUENCE] = carried.number
    carrier.trace_id = event.trace_id.to_bytes(16)
    carrier.span_id = span_id_of(attributes)
    if event.parent_span_id:
        carrier.parent_span_id = event.parent_span_id.to_bytes(8)
    carrier.name = name
    carrier.kind = Span.SPAN_KIND_INTERNAL
    carrier.start_time_unix_nano = carrier.end_time_unix_nano = event.time_ns
    if carried.span is not None:
        _fill(carrier.attributes, _shown(carried.span))
    told = carrier.events.add()
    told.name = name
    told.time_unix_nano = event.time_ns
    _fill(told.attributes, attributes)


def _shown(span: ReadableSpan) -> dict[str, Any]:
    """What the application's span shows by now: itself and its request, as far as an entry tells of them."""
    attributes = span.attributes or {}
    shown = redacted({key: attributes[key] for key in wire.REQUEST if key in attributes})
    shown[wire.SPAN_NAME] = span.name
    shown[wire.SPAN_KIND] = span.kind.name.lower()
    if span.parent is not None:
        shown[wire.SPAN_PARENT] = f"{span.parent.span_id:016x}"
    if span.end_time is not None and span.start_time is not None:
        shown[wire.SPAN_STATUS] = span.status.status_code.name.lower()
        shown[wire.SPAN_DURATION_NS] = span.end_time - span.start_time
    return shown


def _fill(pairs: Any, attributes: Mapping[Any, Any]) -> None:
    """Add *attributes* to a repeated field of KeyValue."""
    for key, value in attributes.items():
        pair = pairs.add()
        if type(key) is str and type(value) is str:
            try:
                pair.key = key
                pair.value.string_value = value
                continue
            except UnicodeEncodeError:  # an application's own attribute; ours were encoded once already
                pass
        pair.key = _text(key)
        _set(pair.value, value)


def _set(into: AnyValue, value: Any) -> None:
    """What OTLP has no kind for travels as its text: an odd value never costs an event."""
    if value is None:
        return
    if isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, str):
        into.string_value = _text(value)
    elif isinstance(value, int) and -(2**63) <= value < 2**63:
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, bytes):
        into.bytes_value = value
    elif isinstance(value, Mapping):
        into.kvlist_value.SetInParent()
        _fill(into.kvlist_value.values, value)
    elif isinstance(value, list | tuple | set | frozenset):
        into.array_value.SetInParent()
        for item in value:
            _set(into.array_value.values.add(), item)
    else:
        into.string_value = _text(value)


def _text(value: Any) -> str:
    """Text as protobuf takes it: a lone surrogate, which is no Unicode, becomes a question mark."""
    return str(value).encode(errors="replace").decode()
