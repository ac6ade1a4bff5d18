"""A real Collector between the services and the receiver."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import collector, receiver

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
