"""A service in JavaScript, with a stock OpenTelemetry SDK and nothing of ours."""

import subprocess
from pathlib import Path

import pytest

from tests.interop import story
from tests.parts import node, receiver

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]


@pytest.mark.parametrize("protocol", ["grpc", "proto", "json"])
def test_a_stock_javascript_service_yields_complete_entries(protocol: str, tmp_path: Path):
    """Two audit attributes on a span event or a log record are enough, over each protocol that OTLP knows."""
    project = node.project(Path(__file__).parent / "javascript")
    with receiver.running(tmp_path / "data") as running:
        command = ["node", "emit.mjs", protocol, story.endpoint(running, protocol), "o-1"]
        emitted = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60)
        assert emitted.returncode == 0, emitted.stderr
        story.holds(running, "storefront-js", emitted.stdout.split()[-1])
