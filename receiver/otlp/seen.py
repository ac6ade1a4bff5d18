"""What the trace shows around an event, as far as one request tells."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_audit import wire
from otel_audit.entry import REQUEST_FIELDS
from receiver.anyvalue import attributes_of
from receiver.otlp import decode

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


#: A span's own id on the wire: field 2, eight bytes. Its children name it by another field.
_ID = b"\x12\x08"


class Spans:
    """The spans of one request, to look up what stands above an event; *request* is its outline."""

    def __init__(self, request: Any) -> None:
        self.resources: Sequence[Any] = request.resources
        self._above: dict[tuple[str, bytes, bytes], Span | None] = {}

    def seen(self, service: str, span: Span, on_carrier: bool, said: Mapping[str, Any]) -> dict[str, Any]:
        """The facts about an event on *span* of *service* that it did not say itself.

        Request facts come from its span, else from the nearest SERVER ancestor of the same service.
        """
        attributes = attributes_of(span.attributes)
        facts = _carried(attributes) if on_carrier else _own(span)
        facts |= wire.read_request(attributes)
        if any(field not in facts and said.get(field) is None for field in REQUEST_FIELDS):
            facts = self._server_request(service, span) | facts
        return {field: value for field, value in facts.items() if said.get(field) is None}

    def _server_request(self, service: str, span: Span) -> dict[str, Any]:
        for _ in range(ANCESTORS_MAX):
            above = self._parent_of(service, span)
            if above is None:
                return {}
            if above.kind == Span.SPAN_KIND_SERVER:
                return wire.read_request(attributes_of(above.attributes))
            span = above
        return {}

    def _parent_of(self, service: str, span: Span) -> Span | None:
        place = (service, span.trace_id, span.parent_span_id)
        if place not in self._above:
            self._above[place] = self._find(*place) if len(span.parent_span_id) == 8 else None
        return self._above[place]

    def _find(self, service: str, trace_id: bytes, span_id: bytes) -> Span | None:
        """The application's span of this id, searched by its bytes: reading all to find one would cost more."""
        looks = _ID + span_id
        for resource in self.resources:
            found = [
                item for each in resource.scopes for item in each.items if looks in item and not is_carrier_scope(each)
            ]
            for item in found if found and resource_of(resource).get("service_name", "") == service else ():
                span: Span = decode.parsed(Span, item)
                if (span.trace_id, span.span_id) == (trace_id, span_id):
                    return span
        return None


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


def resource_of(resource: Any) -> dict[str, str]:
    """What a resource of the outline says of its service."""
    return wire.read_resource(attributes_of(decode.parsed(Resource, b"".join(resource.resource)).attributes))


def is_carrier_scope(scope: Any) -> bool:
    """Whether a scope of the outline is that of carriers."""
    return bool(decode.parsed(InstrumentationScope, b"".join(scope.scope)).name == wire.SCOPE)
