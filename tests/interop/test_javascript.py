"""A service in another language, with a stock OpenTelemetry SDK and nothing of ours."""

import subprocess
from pathlib import Path

import pytest

from tests.parts import node, receiver

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]


@pytest.mark.parametrize("protocol", ["grpc", "proto", "json"])
def test_a_stock_javascript_service_yields_a_complete_entry(protocol: str, tmp_path: Path):
    """Two audit attributes on a span event are enough, over each protocol that OTLP knows."""
    project = node.project(Path(__file__).parent / "javascript")
    with receiver.running(tmp_path / "data") as running:
        endpoint = f"http://{running.grpc}" if protocol == "grpc" else f"{running.http}/v1/traces"
        emitted = subprocess.run(
            ["node", "emit.mjs", protocol, endpoint, "o-1"], cwd=project, capture_output=True, text=True, timeout=60
        )
        assert emitted.returncode == 0, emitted.stderr
        trace_id = emitted.stdout.split()[-1]
        [entry] = running.eventually("/api/v1/entries", resource_type="order", resource_id="o-1")["entries"]
        trace = running.eventually(f"/api/v1/traces/{trace_id}", enough=lambda answer: answer["spans"])
    assert entry["trace_id"] == trace_id
    assert (entry["action"], entry["outcome"], entry["service_name"]) == (
        "order.create.success",
        "success",
        "storefront-js",
    )
    assert (entry["http_method"], entry["path"], entry["status_code"]) == ("POST", "/orders", 201)
    assert entry["ip_address"] == "203.0.113.7"
    assert trace["spans"][0]["entries"] == [entry["event_id"]]
