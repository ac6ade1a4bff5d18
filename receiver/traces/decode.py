"""OTLP spans as the spans we keep."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otel_audit import wire
from receiver.anyvalue import attributes_of
from receiver.traces.span import Span, SpanError

_KINDS = {number: name.removeprefix("SPAN_KIND_").lower() for name, number in OtlpSpan.SpanKind.items()}
_STATUSES = {number: name.removeprefix("STATUS_CODE_").lower() for name, number in Status.StatusCode.items()}


def spans_of(body: bytes, tenant: str) -> list[Span]:
    """The spans of a serialized ExportTraceServiceRequest; carriers, and spans without valid ids, are left out."""
    spans: list[Span] = []
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = wire.read_resource(attributes_of(resource_spans.resource.attributes)).get("service_name")
        for scope_spans in resource_spans.scope_spans:
            if scope_spans.scope.name != wire.SCOPE:
                spans += (_span(span, tenant, service) for span in scope_spans.spans if _is_valid(span))
    return spans


def _is_valid(span: OtlpSpan) -> bool:
    return len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id)


def _span(span: OtlpSpan, tenant: str, service: str | None) -> Span:
    return Span(
        tenant=tenant,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() if any(span.parent_span_id) else None,
        name=span.name,
        kind=_KINDS.get(span.kind, "unspecified"),
        service=service,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=_STATUSES.get(span.status.code, "unset"),
        error=_error(span),
        attributes=attributes_of(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _error(span: OtlpSpan) -> SpanError | None:
    """The last exception on the span; without one, the message of a status that says error."""
    for event in reversed(span.events):
        if event.name == "exception":
            said = {key: str(value) for key, value in attributes_of(event.attributes).items()}
            return SpanError(
                said.get("exception.type"), said.get("exception.message"), said.get("exception.stacktrace")
            )
    if span.status.code == Status.STATUS_CODE_ERROR:
        return SpanError(None, span.status.message or None)
    return None
