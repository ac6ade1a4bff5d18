"""A process's stream: numbers without holes, and its own word about what was lost."""

import inspect
import logging
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit import _delivery, _sender, wire
from otel_audit._config import Config
from otel_audit._delivery import Delivery
from otel_audit._stream import Stream
from tests.sdk.events import event
from tests.sdk.far_end import FarEnd, attributes


def test_a_report_says_what_changed_and_only_then(
    far_end: FarEnd, provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
):
    """Its last number and its losses by reason; a stream in which nothing happened is silent."""
    monkeypatch.setattr(_delivery, "_REPORT_EVERY_S", 0.3)
    otel_audit.configure(endpoint=far_end.endpoint, tracer_provider=provider)
    otel_audit.record("a.b.success")
    _until(lambda: far_end.reports)
    time.sleep(1)
    [report] = far_end.reports
    assert report[wire.SOURCE_LAST] == 1
    assert wire.SOURCE_LOST not in report
    otel_audit.record("a.b.success")
    otel_audit.shutdown()
    assert [each[wire.SOURCE_LAST] for each in far_end.reports] == [1, 2]
    assert len({each[wire.RECORD_ID] for each in far_end.reports}) == 2


def test_a_lost_event_has_a_number_and_a_reason(far_end: FarEnd):
    """The receiver sees the hole, and the report explains it."""
    far_end.refusals = 1_000_000
    delivery = Delivery(Config(endpoint=far_end.endpoint, protocol="grpc", queue_max_events=3), {}, "0")
    for _ in range(5):
        delivery.put(event(), None, "best_effort")
    far_end.refusals = 0
    assert delivery.flush(10)
    delivery.put(event(), None, "best_effort")
    delivery.close(10)
    numbers = [attributes(carrier.events[0].attributes)[wire.SEQUENCE] for carrier in far_end.carriers]
    assert sorted(numbers) == [1, 2, 3, 6]
    [report] = far_end.reports
    assert report[wire.SOURCE_LAST] == 6
    lost = {pair.key: pair.value.int_value for pair in report[wire.SOURCE_LOST].values}
    assert lost == {"the queue is full": 2}


def test_a_partial_success_counts_what_it_leaves_out(far_end: FarEnd, caplog: pytest.LogCaptureFixture):
    """A backend that rejects some of the carriers does not say which; they are counted as lost."""
    far_end.receipts = False
    far_end.partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    delivery = Delivery(Config(endpoint=far_end.endpoint, protocol="grpc"), {}, "0")
    for _ in range(3):
        delivery.put(event(), None, "best_effort")
    delivery.close(10)
    assert delivery.statistics().lost == {"rejected: too old": 1}
    assert (delivery.statistics().delivered, delivery.statistics().waiting) == (2, 0)
    assert [record.levelno for record in caplog.records if "lost" in record.message] == [logging.ERROR]


def test_what_is_quarantined_is_said(far_end: FarEnd, caplog: pytest.LogCaptureFixture):
    """The receiver keeps it; a person should know."""
    far_end.receipts = False
    far_end.partial = ExportTracePartialSuccess(error_message="1 audit event quarantined: a.b: no")
    delivery = Delivery(Config(endpoint=far_end.endpoint, protocol="grpc"), {}, "0")
    delivery.put(event(), None, "best_effort")
    delivery.close(10)
    assert any("quarantined" in record.message for record in caplog.records)
    assert delivery.statistics().unconfirmed == 0


def test_without_receipts_a_stream_is_unconfirmed(far_end: FarEnd, caplog: pytest.LogCaptureFixture):
    """Counted, and said once."""
    far_end.receipts = False
    delivery = Delivery(Config(endpoint=far_end.endpoint, protocol="grpc"), {}, "0")
    for _ in range(3):
        delivery.put(event(), None, "best_effort")
        assert delivery.flush(10)
    delivery.close(10)
    assert delivery.statistics().unconfirmed == 3
    assert sum("without a receipt" in record.message for record in caplog.records) == 1


def test_abandoned_numbers_are_reported_once():
    """They leave the list when the receiver has them; more than a report holds are only counted."""
    stream = Stream()
    for _ in range(1500):
        stream.abandon(stream.number())
    first = stream.report()
    assert len(first[wire.SOURCE_ABANDONED]) == 1000
    stream.reported(first)
    assert not stream.changed
    stream.abandon(stream.number())
    assert stream.changed
    assert stream.report()[wire.SOURCE_ABANDONED] == [1501]
    assert stream.abandoned == 1501


def test_many_threads_number_one_stream(far_end: FarEnd, provider: TracerProvider):
    """Each number once, none missing, whoever records at the same moment."""
    otel_audit.configure(endpoint=far_end.endpoint, tracer_provider=provider)

    def work() -> None:
        for _ in range(500):
            otel_audit.record("a.b.success")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert otel_audit.flush(20)
    numbers = [attributes(carrier.events[0].attributes)[wire.SEQUENCE] for carrier in far_end.carriers]
    assert sorted(numbers) == list(range(1, 4001))


SIGNALLED = """
import signal, sys, threading, os
import otel_audit
from opentelemetry.sdk.trace import TracerProvider
otel_audit.configure(endpoint=sys.argv[1], tracer_provider=TracerProvider())
signals = 0
def on_signal(*_):
    global signals
    signals += 1
    otel_audit.record("system.signal.success")
signal.signal(signal.SIGUSR1, on_signal)
ended = threading.Event()
def nag():
    while not ended.wait(0.0005):
        os.kill(os.getpid(), signal.SIGUSR1)
nagging = threading.Thread(target=nag)
nagging.start()
for n in range(5000):
    otel_audit.record("a.b.success")
ended.set()
nagging.join()
assert otel_audit.shutdown()
print(signals)
"""


def test_a_signal_handler_may_record(far_end: FarEnd):
    """In the middle of another record() of the same thread: neither hangs nor loses a number."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, far_end.endpoint], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    signals = int(done.stdout)
    assert signals > 10
    numbers = [attributes(carrier.events[0].attributes)[wire.SEQUENCE] for carrier in far_end.carriers]
    assert sorted(numbers) == list(range(1, 5001 + signals))


def test_the_thread_survives_a_mistake_of_ours(far_end: FarEnd, monkeypatch: pytest.MonkeyPatch):
    """One turn that fails costs no event."""
    monkeypatch.setattr(_sender, "_RETRY_MAX_S", 0.1)
    monkeypatch.setattr(Delivery, "look_after_files", _failing_once(Delivery.look_after_files))
    delivery = Delivery(Config(endpoint=far_end.endpoint, protocol="grpc"), {}, "0")
    delivery.put(event(), None, "best_effort")
    assert delivery.flush(10)
    delivery.put(event(), None, "best_effort")
    assert delivery.close(10)
    assert len(far_end.carriers) == 2


def _failing_once(method: Any) -> Any:
    failures = iter([RuntimeError("a mistake")])

    def once(self: Delivery) -> None:
        for failure in failures:
            raise failure
        method(self)

    return once


def test_every_setting_stands_in_the_docs():
    """Each keyword of configure() has its line."""
    page = (Path(__file__).parents[2] / "docs" / "record.md").read_text().split("## Settings")[1]
    listed = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (.+?) \|", page, re.MULTILINE))))
    assert listed == set(inspect.signature(otel_audit.configure).parameters)


def test_a_killed_process_numbers_no_hole(far_end: FarEnd, spill_dir: Path):
    """SIGKILL in the middle of recording: what arrived and what is on disk are numbers from 1 on, without a gap."""
    program = """
import sys
import otel_audit
from opentelemetry.sdk.trace import TracerProvider
otel_audit.configure(endpoint=sys.argv[1], tracer_provider=TracerProvider())
print("up", flush=True)
while True:
    otel_audit.record("a.b.success")
"""
    with subprocess.Popen([sys.executable, "-c", program, far_end.endpoint], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        victim.stdout.readline()
        time.sleep(1)
        victim.send_signal(signal.SIGKILL)
    heir = Delivery(Config(endpoint=far_end.endpoint, protocol="grpc", spill_dir=spill_dir), {}, "0")
    _until(lambda: not list(spill_dir.glob("*.spill")), 40)
    heir.close(5)
    said = [attributes(carrier.events[0].attributes) for carrier in far_end.carriers]
    numbers = {each[wire.SEQUENCE] for each in said}
    assert numbers == set(range(1, len(numbers) + 1))
    assert len({each[wire.RECORD_ID] for each in said}) == len(numbers)


def _until(holds: Any, max_s: float = 10) -> None:
    deadline = time.monotonic() + max_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
