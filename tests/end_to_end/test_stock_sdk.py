"""A service with the stock OpenTelemetry SDK and nothing of ours."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.parts import receiver
from tests.parts.ports import free_ports

pytestmark = pytest.mark.timeout(120)

SERVICE = """
import os
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "warehouse"}))
exporter = OTLPSpanExporter(os.environ["RECEIVER"], insecure=True)
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("warehouse")
app = FastAPI()

@app.post("/stock/{sku}")
def correct(sku: str):
    with tracer.start_as_current_span("write stock") as span:
        span.add_event("inventory.update.success", {"audit.target.id": sku, "audit.reason": "recount"})
    return {}

FastAPIInstrumentor.instrument_app(app)
"""


@contextlib.contextmanager
def _service(directory: Path, endpoint: str) -> Iterator[str]:
    (directory / "warehouse.py").write_text(SERVICE)
    [port] = free_ports(1)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-m", "uvicorn", "warehouse:app", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=directory, env={**environment, "RECEIVER": endpoint})
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _post(url: str) -> None:
    for _ in range(200):
        try:
            httpx.post(url, headers={"User-Agent": "scanner/1"}).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} never answered")


def test_two_attributes_on_a_span_event_make_a_complete_entry(tmp_path: Path):
    """What the event does not say, the trace around it tells: the request from the span above, whenever it comes."""
    with receiver.running(tmp_path / "data") as running:
        with _service(tmp_path, f"http://{running.grpc}") as service:
            _post(f"{service}/stock/SKU-1")
            entry = running.eventually(
                "/api/v1/entries",
                enough=lambda answer: answer["entries"] and answer["entries"][0]["status_code"],
                resource_id="SKU-1",
            )["entries"][0]
        trace = running.get(f"/api/v1/entries/{entry['event_id']}/trace")
    assert entry["action"] == "inventory.update.success"
    assert (entry["outcome"], entry["severity"], entry["resource_type"]) == ("success", "info", "inventory_item")
    assert (entry["service_name"], entry["reason"]) == ("warehouse", "recount")
    assert (entry["http_method"], entry["path"], entry["status_code"]) == ("POST", "/stock/SKU-1", 200)
    assert (entry["ip_address"], entry["user_agent"]) == ("127.0.0.1", "scanner/1")
    assert (entry["span_name"], entry["span_kind"]) == ("write stock", "internal")
    assert entry["duration_ms"] >= 0
    assert entry["integrity"]["index"] >= 0
    own = next(span for span in trace["spans"] if span["span_id"] == entry["span_id"])
    assert own["entries"] == [entry["event_id"]]
    assert (trace["complete"], trace["services"]) == (True, ["warehouse"])
