"""What an event travels on: a span event, a log record, or both."""

import logging
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit import wire
from otel_audit._config import Config
from otel_audit._delivery import Delivery
from otel_audit.errors import NotConfigured
from tests.parts import receiver as receivers
from tests.sdk.events import event
from tests.sdk.far_end import FarEnd, attributes, over_http


def _configure(far_end: FarEnd, provider: TracerProvider, carrier: str, **more: Any) -> None:
    more = {"endpoint": far_end.endpoint, **more}
    otel_audit.configure(service_name="shop", tracer_provider=provider, carrier=carrier, **more)


def _record_in_a_span(provider: TracerProvider) -> tuple[otel_audit.Recorded, Any]:
    with provider.get_tracer("t").start_as_current_span("work", attributes={"http.method": "GET"}) as span:
        recorded = otel_audit.record("order.create.success", ("order", "o-1"), after={"total": 3}, severity="warning")
    return recorded, span


def test_a_log_record_says_what_the_span_event_would(far_end: FarEnd, provider: TracerProvider):
    """Its event name is the action, trace and span are the application's, and what that shows stands apart."""
    _configure(far_end, provider, "log_record")
    recorded, span = _record_in_a_span(provider)
    assert otel_audit.flush()
    [record] = far_end.records
    said = attributes(record.attributes)
    assert (record.event_name, record.severity_number) == ("order.create.success", 13)
    assert (record.trace_id.hex(), record.span_id.hex()) == (
        recorded.trace_id,
        f"{span.get_span_context().span_id:016x}",
    )
    assert (said[wire.RECORD_ID], said[wire.AFTER], said[wire.SEQUENCE]) == (recorded.event_id, '{"total":3}', 1)
    assert (said[wire.SPAN_NAME], said["audit.span.http.method"]) == ("work", "GET")
    assert "http.method" not in said
    assert far_end.carriers == []


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_both_carry_each_event_once(far_end: FarEnd, provider: TracerProvider, protocol: str):
    """The same ids on either; the process counts one event, and a log record outside a span has the carrier's id."""
    with over_http() as over:
        end = far_end if protocol == "grpc" else over
        _configure(end, provider, "both", protocol=protocol)
        recorded = otel_audit.record("job.run.success")
        assert otel_audit.flush()
        ([carrier], [record]) = end.carriers, end.records
        assert attributes(record.attributes)[wire.RECORD_ID] == recorded.event_id
        assert attributes(record.attributes) == attributes(carrier.events[0].attributes)
        assert (record.trace_id, record.span_id) == (carrier.trace_id, carrier.span_id)
        assert otel_audit.statistics().delivered == 1
        otel_audit.shutdown()


def test_enforced_has_a_receipt_for_a_log_record(far_end: FarEnd, provider: TracerProvider):
    """As it has for a span event."""
    _configure(far_end, provider, "log_record")
    assert otel_audit.record("order.create.success", guarantee="enforced").receipt == "log-1 1-1"


def test_log_records_are_sent_until_they_are_taken(far_end: FarEnd, provider: TracerProvider):
    """What has been answered meanwhile is not sent again."""
    far_end.log_refusals = 2
    _configure(far_end, provider, "both")
    otel_audit.record("order.create.success")
    assert otel_audit.flush()
    assert (len(far_end.carriers), len(far_end.records)) == (1, 1)


def test_an_event_that_one_carrier_takes_is_delivered(
    far_end: FarEnd, provider: TracerProvider, caplog: pytest.LogCaptureFixture
):
    """Of two events the large one is refused as a log record: that is said, and both are there as span events."""
    far_end.log_bytes_max = 2000
    _configure(far_end, provider, "both")
    with caplog.at_level(logging.ERROR, "otel_audit"):
        otel_audit.record("order.create.success", reason="x" * 4000)
        otel_audit.record("order.create.success")
        assert otel_audit.flush()
    assert {carrier.events[0].name for carrier in far_end.carriers} == {"order.create.success"}
    ids = [attributes(each.events[0].attributes)[wire.RECORD_ID] for each in far_end.carriers]
    assert (len(set(ids)), len(far_end.records)) == (2, 1)
    assert [each.message for each in caplog.records] == ["audit event refused on one of its carriers"]
    assert otel_audit.statistics().lost == {}


def test_an_event_that_no_carrier_takes_is_lost_and_counted(far_end: FarEnd, provider: TracerProvider):
    """By the reason of the first."""
    far_end.bytes_max = far_end.log_bytes_max = 1000
    _configure(far_end, provider, "both")
    otel_audit.record("order.create.success", reason="x" * 4000)
    assert otel_audit.flush()
    assert otel_audit.statistics().lost == {"RESOURCE_EXHAUSTED: too large": 1}


def test_reports_travel_as_the_events_do(far_end: FarEnd, provider: TracerProvider):
    """A service whose spans go nowhere still tells of its stream."""
    _configure(far_end, provider, "log_record")
    otel_audit.record("order.create.success")
    otel_audit.shutdown()
    [report] = [
        record
        for request in far_end.log_requests
        for record in request.resource_logs[0].scope_logs[0].log_records
        if record.event_name == wire.STREAM_REPORT
    ]
    assert attributes(report.attributes)[wire.SOURCE_LAST] == 1
    assert far_end.requests == []


def test_what_a_dead_process_left_goes_on_the_carrier_of_who_sends_it(far_end: FarEnd, spill_dir: Path):
    """A spill file holds events, not carriers."""
    absent = Delivery(Config("http://127.0.0.1:9", "grpc", spill_dir=spill_dir), {}, "1")
    absent.put(event("a.b.success"), None, "journaled")
    absent.close(0.1)
    living = Delivery(Config(far_end.endpoint, "grpc", spill_dir=spill_dir, carrier="log_record"), {}, "1")
    try:
        assert living.flush(10)
        for _ in range(100):
            if far_end.records:
                break
            living.pause(0.1)
        assert [record.event_name for record in far_end.records] == ["a.b.success"]
    finally:
        living.close(1)


def test_a_carrier_that_is_none_is_named():
    """With those that are."""
    with pytest.raises(NotConfigured, match="carrier must be one of span_event, log_record, both, not 'post'"):
        otel_audit.configure(carrier="post")  # type: ignore[arg-type]


def test_either_carrier_is_the_same_entry_at_a_real_receiver(tmp_path: Path, provider: TracerProvider):
    """A log record alone makes the whole entry; both kinds together make one, of one stream without holes."""
    with receivers.running(tmp_path / "data") as receiver:
        for carrier in ("log_record", "both"):
            _configure_for(receiver, provider, carrier)
            recorded, span = _record_in_a_span(provider)
            outside = otel_audit.record("job.run.success", guarantee="enforced")
            assert otel_audit.flush()
            statistics = otel_audit.statistics()
            assert (statistics.delivered, statistics.unconfirmed, statistics.lost) == (2, 0, {})
            [entry] = receiver.eventually("/api/v1/entries", trace_id=recorded.trace_id)["entries"]
            assert (entry["event_id"], entry["span_id"]) == (
                recorded.event_id,
                f"{span.get_span_context().span_id:016x}",
            )
            assert (entry["span_name"], entry["http_method"], entry["metadata"]) == ("work", "GET", {})
            assert (entry["new_state"], entry["severity"]) == ({"total": 3}, "warning")
            [other] = receiver.eventually("/api/v1/entries", trace_id=outside.trace_id)["entries"]
            assert other["span_id"] == outside.event_id.replace("-", "")[16:]
            source = entry["source"]["id"]
            otel_audit.shutdown()
            streams = receiver.eventually(
                "/api/v1/completeness",
                lambda answer, source=source: any(each["source_id"] == source for each in answer["streams"]),
            )["streams"]
            [stream] = [each for each in streams if each["source_id"] == source]
            assert (stream["received"], stream["missing"]) == (2, [])


def _configure_for(receiver: receivers.Receiver, provider: TracerProvider, carrier: str) -> None:
    otel_audit.configure(
        service_name="shop", endpoint=f"http://{receiver.grpc}", tracer_provider=provider, carrier=carrier
    )
