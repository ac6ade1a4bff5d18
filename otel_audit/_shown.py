"""What the application's span shows of an event that it does not say itself; a carrier takes it along."""

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit import redact, wire


def shown_by(span: ReadableSpan) -> dict[str, Any]:
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
