"""What the trace shows around an event, as far as one request tells."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from otel_audit import wire
from otel_audit.entry import REQUEST_FIELDS
from receiver.anyvalue import attributes_of

#: More steps up than any honest trace has; a loop of parents ends here.
ANCESTORS_MAX = 1000

_CARRIED = {
    wire.SPAN_NAME: ("span_name", str),
    wire.SPAN_KIND: ("span_kind", str),
    wire.SPAN_STATUS: ("span_status", str),
    wire.SPAN_PARENT: ("parent_span_id", str),
}

_KINDS = {number: name.removeprefix("SPAN_KIND_").lower() for name, number in Span.SpanKind.items()}
_STATUSES = {number: name.removeprefix("STATUS_CODE_").lower() for name, number in Status.StatusCode.items()}


class Spans:
    """The spans of one request, to look up what stands above an event."""

    def __init__(self, request: ExportTraceServiceRequest) -> None:
        self._request = request

    def seen(
        self, resource_spans: ResourceSpans, span: Span, on_carrier: bool, said: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The facts about an event on *span* that it did not say itself.

        Request facts come from its span, else from the nearest SERVER ancestor of the same service.
        """
        attributes = attributes_of(span.attributes)
        facts = _carried(attributes) if on_carrier else _own(span)
        facts |= wire.read_request(attributes)
        if any(field not in facts and said.get(field) is None for field in REQUEST_FIELDS):
            facts = self._server_request(_service(resource_spans), span) | facts
        return {field: value for field, value in facts.items() if said.get(field) is None}

    def _server_request(self, service: str, span: Span) -> dict[str, Any]:
        for _ in range(ANCESTORS_MAX):
            above = self._by_id.get((service, span.trace_id, span.parent_span_id))
            if above is None:
                return {}
            if above.kind == Span.SPAN_KIND_SERVER:
                return wire.read_request(attributes_of(above.attributes))
            span = above
        return {}

    @cached_property
    def _by_id(self) -> dict[tuple[str, bytes, bytes], Span]:
        """The application's spans by service, trace and span id."""
        return {
            (service, span.trace_id, span.span_id): span
            for resource_spans in self._request.resource_spans
            for service in (_service(resource_spans),)
            for scope_spans in resource_spans.scope_spans
            if scope_spans.scope.name != wire.SCOPE
            for span in scope_spans.spans
        }


def _own(span: Span) -> dict[str, Any]:
    """What an ordinary span shows of itself."""
    facts: dict[str, Any] = {
        "span_name": span.name,
        "span_kind": _KINDS.get(span.kind, "unspecified"),
        "span_status": _STATUSES.get(span.status.code, "unset"),
    }
    if span.end_time_unix_nano:
        facts["duration_ms"] = max(0, span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    if any(span.parent_span_id):
        facts["parent_span_id"] = span.parent_span_id.hex()
    return facts


def _carried(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a carrier took along of the application's span."""
    facts: dict[str, Any] = {
        field: attributes[key] for key, (field, kind) in _CARRIED.items() if isinstance(attributes.get(key), kind)
    }
    for field in ("span_kind", "span_status"):
        if field in facts:
            facts[field] = facts[field].lower()
    duration_ns = attributes.get(wire.SPAN_DURATION_NS)
    if isinstance(duration_ns, int):
        facts["duration_ms"] = max(0, duration_ns) / 1e6
    return facts


def shown_on_record(shown: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a carrier's log record took along and the event did not say itself."""
    request = {key.removeprefix(wire.SPAN_PREFIX): value for key, value in shown.items()}
    facts = _carried(shown) | wire.read_request(request)
    return {field: value for field, value in facts.items() if said.get(field) is None}


def _service(resource_spans: ResourceSpans) -> str:
    for pair in resource_spans.resource.attributes:
        if pair.key == "service.name":
            return str(pair.value.string_value)
    return ""
