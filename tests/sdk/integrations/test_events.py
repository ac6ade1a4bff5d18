"""The bridge from events to span events, in OpenTelemetry's own logs SDK."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry._logs import Logger, LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context, use_span

from otel_audit import wire
from otel_audit.integrations.events import EventToSpanEventBridge
from tests.parts import receiver as receivers

SECOND = 1_000_000_000


@pytest.fixture
def exported() -> InMemoryLogRecordExporter:
    """Where the records go after the bridge."""
    return InMemoryLogRecordExporter()


@pytest.fixture
def logger(exported: InMemoryLogRecordExporter) -> Iterator[Logger]:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(EventToSpanEventBridge())
    provider.add_log_record_processor(SimpleLogRecordProcessor(exported))
    yield provider.get_logger("shop")
    provider.shutdown()


def _span(provider: TracerProvider) -> Any:
    return provider.get_tracer("t").start_span("work")


def _events(span: Any) -> list[tuple[str, int, dict[str, Any]]]:
    assert isinstance(span, ReadableSpan)
    return [(event.name, event.timestamp, dict(event.attributes or {})) for event in span.events]


def test_an_event_is_one_span_event(logger: Logger, provider: TracerProvider, exported: InMemoryLogRecordExporter):
    """Its name, its time and all its attributes, nested ones too; the record goes on."""
    attributes = {"cart.id": "c-1", "n": 3, "nested": {"a": [1, {"b": True}]}}
    with use_span(span := _span(provider)):
        logger.emit(LogRecord(event_name="cart.seen", timestamp=5 * SECOND, body="text", attributes=dict(attributes)))
    [(name, time_ns, told)] = _events(span)
    assert (name, time_ns) == ("cart.seen", 5 * SECOND)
    assert (told["cart.id"], told["n"], set(told)) == ("c-1", 3, set(attributes))
    [record] = exported.get_finished_logs()
    assert (record.log_record.event_name, dict(record.log_record.attributes)["n"]) == ("cart.seen", 3)


def test_without_a_time_it_is_when_it_was_observed(logger: Logger, provider: TracerProvider):
    """As the specification says."""
    with use_span(span := _span(provider)):
        logger.emit(LogRecord(event_name="cart.seen", observed_timestamp=7 * SECOND))
    assert _events(span)[0][1] == 7 * SECOND


def test_a_log_that_is_no_event_stays_one(
    logger: Logger, provider: TracerProvider, exported: InMemoryLogRecordExporter
):
    """Neither without a name nor with an empty one is it shown; it goes on all the same."""
    with use_span(span := _span(provider)):
        logger.emit(LogRecord(body="text", severity_number=SeverityNumber.ERROR))
        logger.emit(LogRecord(event_name="", body="text"))
    assert _events(span) == []
    assert len(exported.get_finished_logs()) == 2


def test_a_record_of_another_span_is_not_shown(logger: Logger, provider: TracerProvider):
    """The context it was emitted in counts, and ids of its own that are not that span's do not."""
    with use_span(outer := _span(provider)), use_span(inner := _span(provider)):
        logger.emit(LogRecord(event_name="a.b", context=set_span_in_context(outer)))
        other = LogRecord(event_name="c.d")
        other.span_id = outer.get_span_context().span_id
        logger.emit(other)
    assert ([name for name, *_ in _events(outer)], _events(inner)) == (["a.b"], [])


def test_a_span_that_does_not_record_shows_nothing(logger: Logger, provider: TracerProvider):
    """Sampled out, from another process, or ended: the record goes on and nothing is said in the log."""
    unsampled = TracerProvider(sampler=ALWAYS_OFF)
    for span in (_span(unsampled), NonRecordingSpan(SpanContext(1, 2, is_remote=True))):
        with use_span(span):
            logger.emit(LogRecord(event_name="a.b"))
    ended = _span(provider)
    ended.end()
    with use_span(ended):
        logger.emit(LogRecord(event_name="a.b"))
    assert _events(ended) == []
    unsampled.shutdown()


def test_a_span_that_fails_costs_no_record(
    logger: Logger,
    provider: TracerProvider,
    exported: InMemoryLogRecordExporter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    """It is said in the log; the processors behind still have the record."""
    span = _span(provider)
    monkeypatch.setattr(span, "add_event", lambda *_, **__: 1 / 0)
    with use_span(span):
        logger.emit(LogRecord(event_name="a.b"))
    assert len(exported.get_finished_logs()) == 1
    assert [each.message for each in caplog.records] == ["an event could not be shown on its span"]


def test_an_audit_event_gets_its_id_before_it_is_shown(
    logger: Logger, provider: TracerProvider, exported: InMemoryLogRecordExporter
):
    """The record has it too, and the same time; another event's attributes are left alone."""
    with use_span(span := _span(provider)):
        logger.emit(LogRecord(event_name="user.login.success", attributes={"audit.reason": "x"}))
        logger.emit(LogRecord(event_name="cart.seen", attributes={"n": 1}))
    (_, time_ns, told), (_, _, other) = _events(span)
    record = exported.get_finished_logs()[0].log_record
    assert told == dict(record.attributes)
    assert (record.timestamp, set(told)) == (time_ns, {"audit.reason", wire.RECORD_ID})
    assert other == {"n": 1}


def test_a_record_and_its_span_event_are_one_entry_at_a_real_receiver(tmp_path: Path):
    """Both are exported by OpenTelemetry's own exporters; the receiver stores one and quarantines none."""
    with receivers.running(tmp_path / "data") as receiver:
        resource = Resource.create({"service.name": "shop"})
        traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{receiver.http}/v1/traces")))
        logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        logs.add_log_record_processor(EventToSpanEventBridge())
        logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{receiver.http}/v1/logs")))
        with use_span(span := _span(traces), end_on_exit=True):
            attributes = {"audit.reason": "x", "order_id": 7}
            logs.get_logger("shop").emit(LogRecord(event_name="user.login.success", attributes=attributes))
        trace_id = f"{span.get_span_context().trace_id:032x}"
        [entry] = receiver.eventually("/api/v1/entries", trace_id=trace_id)["entries"]
        assert (entry["action"], entry["reason"], entry["metadata"]["order_id"]) == ("user.login.success", "x", 7)
        assert receiver.get("/api/v1/deadletter")["letters"] == []
        logs.shutdown()
        traces.shutdown()
