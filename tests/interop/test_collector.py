"""A real Collector between the services and the receiver."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.far_side import arrived
from tests.parts import collector, receiver
from tests.parts.ports import free_ports

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1700)]

CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "{grpc}"}, http: {endpoint: "{http}"}}}
processors:
  batch: {timeout: 200ms}
exporters:
  EXPORTER
extensions:
  health_check: {endpoint: "{health}"}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [NAME]}}
"""

EMIT = """
import sys
import otel_audit
from opentelemetry import trace
otel_audit.configure(service_name="order", endpoint=sys.argv[1])
with trace.get_tracer("shop").start_as_current_span("create order"):
    print(otel_audit.record("order.create.success", resource=("order", "o-1"), after={"total": 10}).event_id)
otel_audit.shutdown()
"""


def _config(running: receiver.Receiver, protocol: str) -> str:
    exporters = {
        "grpc": ("otlp", f'otlp: {{endpoint: "{running.grpc}", tls: {{insecure: true}}}}'),
        "http": ("otlphttp", f'otlphttp: {{endpoint: "{running.http}"}}'),
    }
    name, exporter = exporters[protocol]
    return CONFIG.replace("EXPORTER", exporter).replace("NAME", name)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_event_passes_a_collector_unharmed(protocol: str, tmp_path: Path):
    """Carriers are spans like any other to a Collector: the entry and its trace arrive behind it."""
    with receiver.running(tmp_path / "data") as running, collector.running(_config(running, protocol)) as (grpc, _):
        emitted = subprocess.run(
            [sys.executable, "-c", EMIT, f"http://{grpc}"], capture_output=True, text=True, timeout=60
        )
        assert emitted.returncode == 0, emitted.stderr
        event_id = emitted.stdout.split()[-1]
        entry = running.eventually(f"/api/v1/entries/{event_id}", enough=bool)
        trace = running.eventually(f"/api/v1/entries/{event_id}/trace", enough=lambda answer: answer["spans"])
    assert (entry["service_name"], entry["new_state"]) == ("order", {"total": 10})
    assert [span["name"] for span in trace["spans"]] == ["create order"]
    assert trace["spans"][0]["entries"] == [event_id]


UNCONFIRMED = """
import logging, sys
logging.basicConfig(level=logging.WARNING)
import otel_audit
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
otel_audit.configure(service_name="order", endpoint=sys.argv[1], tracer_provider=provider)
for batch in range(4):
    with provider.get_tracer("shop").start_as_current_span("create orders"):
        for n in range(500):
            otel_audit.record("order.create.success", metadata={"n": 500 * batch + n})
    print("batch", flush=True)
    sys.stdin.readline()
assert otel_audit.flush(60)
print(otel_audit.statistics().unconfirmed, otel_audit.statistics().lost)
try:
    otel_audit.record("payment.capture.success", guarantee="enforced")
except otel_audit.AuditNotStored as error:
    print(error.reason)
otel_audit.shutdown()
"""


def test_what_a_collector_takes_is_unconfirmed_and_arrives(tmp_path: Path):
    """It gives no receipt: the SDK says so once, ``enforced`` fails closed; while it is away nothing is lost."""
    ports = free_ports(3)
    with receiver.running(tmp_path / "data") as running:
        config = _config(running, "grpc")
        emitter = subprocess.Popen(
            [sys.executable, "-c", UNCONFIRMED, f"http://127.0.0.1:{ports[0]}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert emitter.stdin is not None
        assert emitter.stdout is not None
        # The first batch before there is a Collector, the third while it is away again.
        assert emitter.stdout.readline() == "batch\n"
        with collector.running(config, ports):
            _next(emitter)
        _next(emitter)
        with collector.running(config, ports):
            _next(emitter)
            output, errors = emitter.communicate("\n", timeout=100)
        entries = arrived(running, "order", 2001)
    assert {entry["metadata"].get("n") for entry in entries} == {*range(2000), None}
    assert output.splitlines()[0] == "2000 {}"
    assert "receipt" in output.splitlines()[1]
    assert errors.count("without a receipt") == 1


def _next(emitter: "subprocess.Popen[str]") -> None:
    """Let it record the next batch."""
    assert emitter.stdin is not None
    assert emitter.stdout is not None
    emitter.stdin.write("\n")
    emitter.stdin.flush()
    assert emitter.stdout.readline() == "batch\n"
