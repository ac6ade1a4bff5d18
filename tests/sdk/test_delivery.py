"""From ``record()`` to the far end: on carriers, whatever the application's own pipeline does."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

import otel_audit
from otel_audit import wire
from otel_audit._carrier import Request
from otel_audit._config import Config
from otel_audit._delivery import Delivery
from otel_audit._exporter import Again
from otel_audit._grpc import GrpcExporter, failure
from otel_audit._signal import SPANS
from tests.sdk.events import event
from tests.sdk.far_end import FarEnd, attributes, over_grpc, over_http


def _configure(far_end: FarEnd, provider: TracerProvider, **more: str) -> None:
    otel_audit.configure(service_name="shop", endpoint=far_end.endpoint, tracer_provider=provider, **more)


def test_an_event_leaves_on_a_carrier_of_its_own(far_end: FarEnd, provider: TracerProvider):
    """Its trace and parent are those of the span it belongs to, which it tells about."""
    _configure(far_end, provider)
    with provider.get_tracer("t").start_as_current_span("work", attributes={"http.method": "GET"}) as span:
        recorded = otel_audit.record("order.create.success", ("order", "o-1"), after={"total": 3}, metadata={"n": 1})
    assert otel_audit.flush()
    [carrier] = far_end.carriers
    context = span.get_span_context()
    assert carrier.trace_id.hex() == recorded.trace_id == f"{context.trace_id:032x}"
    assert carrier.parent_span_id.hex() == f"{context.span_id:016x}"
    assert carrier.span_id != carrier.parent_span_id
    [event] = carrier.events
    said = attributes(event.attributes)
    assert (event.name, said[wire.RECORD_ID]) == ("order.create.success", recorded.event_id)
    assert (said[wire.TARGET_TYPE], said[wire.TARGET_ID], said[wire.AFTER]) == ("order", "o-1", '{"total":3}')
    assert (said["audit.metadata.n"], said[wire.SEQUENCE]) == (1, 1)
    assert wire.COPY not in said
    shown = attributes(carrier.attributes)
    assert (shown[wire.SPAN_NAME], shown[wire.SPAN_KIND], shown["http.method"]) == ("work", "internal", "GET")
    assert shown[wire.SPAN_DURATION_NS] >= 0


def test_outside_any_span_the_carrier_is_a_root(far_end: FarEnd, provider: TracerProvider):
    """There is a trace id all the same."""
    _configure(far_end, provider)
    recorded = otel_audit.record("job.run.success")
    assert otel_audit.flush()
    [carrier] = far_end.carriers
    assert carrier.trace_id.hex() == recorded.trace_id
    assert carrier.parent_span_id == b""


def test_a_trace_that_is_sampled_out_keeps_its_events(far_end: FarEnd):
    """The unsampled span stays dropped; the event arrives with its trace and span id."""
    provider = TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    _configure(far_end, provider)
    with provider.get_tracer("t").start_as_current_span("work") as span:
        otel_audit.record("order.create.success")
    assert otel_audit.flush()
    [carrier] = far_end.carriers
    assert carrier.parent_span_id.hex() == f"{span.get_span_context().span_id:016x}"
    provider.shutdown()


def test_the_applications_own_events_are_not_evicted(far_end: FarEnd, provider: TracerProvider):
    """Of 200 audit events all leave, 32 are shown on the span, and the application's own event stays."""
    _configure(far_end, provider)
    with provider.get_tracer("t").start_as_current_span("work") as span:
        span.add_event("mine")
        for _ in range(200):
            otel_audit.record("inventory.update.success")
    assert otel_audit.flush()
    assert len(far_end.carriers) == 200
    numbers = [attributes(carrier.events[0].attributes)[wire.SEQUENCE] for carrier in far_end.carriers]
    assert sorted(numbers) == list(range(1, 201))
    names = [event.name for event in span.events]
    assert names.count("mine") == 1
    copies = [event for event in span.events if event.name != "mine"]
    assert len(copies) == 32
    assert all(event.attributes[wire.COPY] is True for event in copies)


def test_the_applications_limits_do_not_touch_an_event(far_end: FarEnd):
    """A length or count limit cuts the copy on the span, never what leaves."""
    limits = SpanLimits(max_attribute_length=5, max_span_attribute_length=5, max_event_attributes=2)
    provider = TracerProvider(span_limits=limits)
    _configure(far_end, provider)
    with provider.get_tracer("t").start_as_current_span("work"):
        otel_audit.record("order.create.success", reason="a long reason", metadata={f"k{n}": n for n in range(200)})
    assert otel_audit.flush()
    said = attributes(far_end.carriers[0].events[0].attributes)
    assert said[wire.REASON] == "a long reason"
    assert sum(key.startswith(wire.METADATA) for key in said) == 200
    provider.shutdown()


def test_a_long_span_does_not_hold_its_events(far_end: FarEnd, provider: TracerProvider):
    """An event leaves after two seconds at the latest, with what its span showed by then."""
    _configure(far_end, provider)
    began = time.monotonic()
    with provider.get_tracer("t").start_as_current_span("work"):
        otel_audit.record("order.create.success")
        while not far_end.carriers and time.monotonic() < began + 10:
            time.sleep(0.02)
        shown = attributes(far_end.carriers[0].attributes)
    assert time.monotonic() - began > 1.5
    assert shown[wire.SPAN_NAME] == "work"
    assert wire.SPAN_DURATION_NS not in shown


def test_what_is_not_taken_is_sent_again(far_end: FarEnd, provider: TracerProvider):
    """A receiver that says "not now" three times still gets the event, once."""
    _configure(far_end, provider)
    far_end.refusals = 3
    otel_audit.record("order.create.success")
    assert otel_audit.flush(timeout_s=20)
    assert len(far_end.carriers) == 1


@pytest.mark.parametrize(("over", "protocol"), [(over_grpc, "grpc"), (over_http, "http/protobuf")])
def test_a_batch_that_is_too_large_goes_in_parts(over: Any, protocol: str):
    """Only the event that is too large by itself is lost, and counted; its neighbours arrive."""
    with over() as far_end:
        far_end.bytes_max = 3000
        delivery = Delivery(Config(endpoint=far_end.endpoint, protocol=protocol), {}, "0")
        for number, size in enumerate((1500, 1500, 5000, 1500)):
            delivery.put(event(f"event {number}", reason="x" * size), None, "best_effort")
        assert delivery.close(timeout_s=20)
    assert sorted(carrier.name for carrier in far_end.carriers) == ["event 0", "event 1", "event 3"]
    assert sum(delivery.statistics().lost.values()) == 1
    assert delivery.statistics().delivered == 3


def test_http_carries_the_same(provider: TracerProvider):
    """Over HTTP the same carriers arrive, with the configured headers."""
    with over_http() as far_end:
        _configure(far_end, provider, protocol="http/protobuf", headers={"authorization": "Bearer t"})
        far_end.refusals = 1
        otel_audit.record("order.create.success")
        assert otel_audit.flush(timeout_s=20)
        otel_audit.shutdown()
    assert [carrier.name for carrier in far_end.carriers] == ["order.create.success"]
    assert far_end.headers[0]["authorization"] == "Bearer t"


def test_odd_values_cost_no_event(far_end: FarEnd, provider: TracerProvider):
    """What OTLP or JSON cannot say travels as text, with a note; so does a value nobody can read."""
    _configure(far_end, provider)

    class Unreadable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    circular: dict[str, object] = {"n": 1}
    circular["self"] = circular
    otel_audit.record("odd.\ud800.success", before=circular, after="\ud800", metadata={"\ud800": "\ud800", "n": 2**70})
    otel_audit.record("odd.value.failed", metadata={"x": Unreadable()})
    otel_audit.record("plain.value.success", metadata={"none": None, "set": {1}, "bytes": b"x", "map": {"a": [1.5]}})
    assert otel_audit.flush()
    assert [carrier.name for carrier in far_end.carriers] == [
        "odd.?.success",
        "odd.value.failed",
        "plain.value.success",
    ]
    odd, unreadable, plain = (attributes(carrier.events[0].attributes) for carrier in far_end.carriers)
    assert (odd[wire.BEFORE], odd[wire.AFTER]) == ('{"n":1,"self":"[circular]"}', '"?"')
    assert (odd["audit.metadata.?"], odd["audit.metadata.n"]) == ("?", str(2**70))
    assert unreadable["audit.metadata.x"] == "<Unreadable>"
    assert wire.NOTES in odd
    assert wire.NOTES in unreadable
    assert wire.NOTES not in plain
    assert otel_audit.statistics().wrong == 2


def test_nothing_secret_is_written_shown_or_sent(far_end: FarEnd, provider: TracerProvider, spill_dir: Path):
    """Neither in the spill file, nor on the application's span, nor in what leaves, whoever said it."""
    far_end.refusals = 1_000_000
    _configure(far_end, provider)
    with (
        provider.get_tracer("t").start_as_current_span(
            "work", attributes={"http.target": "/pay?token=s3cr3t-1"}
        ) as span,
        otel_audit.bind(session_id="4111 1111-1111 1111", path="/x?api_key=s3cr3t-2"),
    ):
        otel_audit.record(
            "payment.capture.success",
            after={"card": {"number": "5555555555554444"}, "password": "s3cr3t-3"},
            reason="Authorization: Bearer s3cr3t-4-0123456789",
            metadata={"client_secret": "s3cr3t-5", "kept": "order-1"},
        )
    [file] = spill_dir.iterdir()
    written = file.read_bytes()
    far_end.refusals = 0
    assert otel_audit.flush(10)
    sent = far_end.carriers[0].SerializeToString()
    shown = repr(dict(span.events[0].attributes)).encode()  # type: ignore[attr-defined]
    for where in (written, sent, shown):
        assert b"order-1" in where
        for secret in (b"s3cr3t", b"4111 1111", b"5555555555554444"):
            assert secret not in where


def test_a_full_queue_counts_what_it_cannot_take():
    """Memory is bounded: with nobody at the far end the surplus is refused and counted, never the caller blocked."""
    config = Config(endpoint="http://127.0.0.1:1", protocol="grpc", queue_max_events=10)
    delivery = Delivery(config, {}, "0")
    for _ in range(15):
        delivery.put(event("a.b.success"), None, "best_effort")
    assert delivery.statistics().lost == {"the queue is full": 5}
    assert delivery.statistics().waiting == 10
    assert delivery.close(timeout_s=0.1) is False
    assert sum(delivery.statistics().lost.values()) == delivery.statistics().recorded == 15


def test_memory_is_bounded_in_bytes_too():
    """A few very large events fill it as well as many small ones."""
    config = Config(endpoint="http://127.0.0.1:1", protocol="grpc", queue_max_bytes=10_000)
    delivery = Delivery(config, {}, "0")
    for _ in range(3):
        delivery.put(event("a.b.success", reason="x" * 4000), None, "best_effort")
    assert delivery.statistics().lost == {"the queue is full": 1}
    delivery.close(timeout_s=0.1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform cannot fork")
def test_a_forked_child_speaks_for_itself(far_end: FarEnd):
    """Parent and child each send their events once, each in a stream of its own."""
    program = f"""
import os, otel_audit
from opentelemetry.sdk.trace import TracerProvider
otel_audit.configure(service_name="s", endpoint={far_end.endpoint!r}, tracer_provider=TracerProvider())
otel_audit.record("job.run.success", metadata={{"who": "before"}})
child = os.fork()
otel_audit.record("job.run.success", metadata={{"who": "parent" if child else "child"}})
assert otel_audit.shutdown()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said = [attributes(carrier.events[0].attributes) for carrier in far_end.carriers]
    assert sorted(each["audit.metadata.who"] for each in said) == ["before", "child", "parent"]
    streams = {each["audit.metadata.who"]: (each[wire.SOURCE_ID], each[wire.SEQUENCE]) for each in said}
    assert streams["before"][0] == streams["parent"][0] != streams["child"][0]
    assert (streams["before"][1], streams["parent"][1], streams["child"][1]) == (1, 2, 1)


def test_a_program_that_just_ends_loses_nothing(far_end: FarEnd):
    """A normal exit waits for what is still to be sent, the application's own spans included."""
    program = f"""
import otel_audit
from opentelemetry import trace
otel_audit.configure(service_name="s", endpoint={far_end.endpoint!r})
with trace.get_tracer("t").start_as_current_span("work"):
    otel_audit.record("job.run.success")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(far_end.carriers) == 1
    assert [span.name for span in far_end.spans(of_ours=False)] == ["work"]


@pytest.mark.parametrize(("trailers", "again"), [({"google.rpc.retryinfo-bin": b""}, True), ({}, False)])
def test_exhausted_is_sent_again_only_when_the_server_says_when(trailers: dict[str, bytes], again: bool):
    """Without a time to come back it means too large, and sending it again would never end (OTLP, "Failures")."""
    assert isinstance(failure(GRPCError(Status.RESOURCE_EXHAUSTED), trailers), Again) is again


def test_the_server_may_say_when_to_come_again():
    """Its delay is kept to, up to a minute."""
    for seconds, kept in ((7, 7.0), (3600, 60.0)):
        info = RetryInfo(retry_delay=Duration(seconds=seconds)).SerializeToString()
        failed = failure(GRPCError(Status.UNAVAILABLE), {"google.rpc.retryinfo-bin": info})
        assert isinstance(failed, Again)
        assert failed.after_s == kept


@pytest.mark.parametrize("status", [Status.UNAUTHENTICATED, Status.UNIMPLEMENTED, Status.UNKNOWN])
def test_trouble_that_a_person_can_mend_throws_nothing_away(status: Status):
    """A wrong token or a wrong address is no reason to drop an audit event."""
    assert isinstance(failure(GRPCError(status), {}), Again)


def test_an_idle_connection_that_was_closed_costs_nothing():
    """A server that went and came back is reached again without waiting."""
    with over_grpc() as first:
        exporter = GrpcExporter(Config(endpoint=first.endpoint, protocol="grpc"))
        assert exporter.send(Request(SPANS, b""), 5).receipt is not None
        port = int(first.endpoint.rpartition(":")[2])
    with over_grpc(port):
        assert exporter.send(Request(SPANS, b""), 5).receipt is not None
    with pytest.raises(Again):
        exporter.send(Request(SPANS, b""), 5)
    exporter.close()


def test_a_server_that_never_answers_is_given_up_in_time():
    """The timeout bounds the whole call."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = GrpcExporter(Config(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", protocol="grpc"))
        with pytest.raises(Again, match="in time"):
            exporter.send(Request(SPANS, b"x" * 1_000_000), 0.3)
        exporter.close()
