"""The bridge from events to span events, for OpenTelemetry's logs SDK (1.39 and later), which has none of its own.

    provider = LoggerProvider()
    provider.add_log_record_processor(EventToSpanEventBridge())
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))

As the logs SDK specification says under "Event to span event bridge" (1.56).
"""

import logging
from collections.abc import Mapping
from typing import Any

import uuid_utils
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.trace import Span, get_current_span

from otel_audit import wire

_log = logging.getLogger("otel_audit")


class EventToSpanEventBridge(LogRecordProcessor):
    """Shows every event, a log record with an event name, on the span it was emitted in.

    That span has to be recording, and the record has to be of it: same trace and span id. It gets one span event of
    the record's name, time (else the time it was observed at) and attributes. The record goes on to the processors
    that follow; register the bridge before them.

    An audit event that brings no id or no time is given both first, on the record too: so the record and the span
    event are one entry at a receiver that gets both.
    """

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Add the span event where there is a span for it. Never raises: the record's way goes on."""
        try:
            _bridge(log_record.log_record)
        except Exception:
            _log.exception("an event could not be shown on its span")

    def shutdown(self) -> None:
        """Nothing is held back."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back."""
        return True


def _bridge(record: LogRecord) -> None:
    if not record.event_name:
        return
    span = _span_of(record)
    if span is None:
        return
    attributes = record.attributes or {}
    if wire.is_audit_event(attributes):
        _identify(record, attributes)
    time_ns = record.timestamp or record.observed_timestamp
    span.add_event(record.event_name, dict(record.attributes or {}), timestamp=time_ns)


def _span_of(record: LogRecord) -> Span | None:
    """The recording span that *record* says it is of, from the context it was emitted in."""
    span = get_current_span(record.context)
    current = span.get_span_context()
    if not (span.is_recording() and current.is_valid):
        return None
    return span if (record.trace_id, record.span_id) == (current.trace_id, current.span_id) else None


def _identify(record: LogRecord, attributes: Mapping[str, Any]) -> None:
    """By its id the receiver knows a repeat, by its time that it is none of another event."""
    record.timestamp = record.timestamp or record.observed_timestamp
    if wire.RECORD_ID not in attributes:
        attributes[wire.RECORD_ID] = str(uuid_utils.uuid7())  # type: ignore[index]
