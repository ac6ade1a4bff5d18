"""A service in Java, with a stock OpenTelemetry SDK and nothing of ours."""

import subprocess
from pathlib import Path

import pytest

from tests.interop import story
from tests.parts import java, receiver

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]


@pytest.mark.parametrize("protocol", ["grpc", "proto", "json"])
def test_a_stock_java_service_yields_complete_entries(protocol: str, tmp_path: Path):
    """Two audit attributes on a span event or a log record are enough, over each protocol that OTLP knows."""
    command = java.project(Path(__file__).parent / "java")
    with receiver.running(tmp_path / "data") as running:
        emitted = subprocess.run(
            [*command, "Emit", protocol, story.endpoint(running, protocol), "o-1"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert emitted.returncode == 0, emitted.stderr
        story.holds(running, "storefront-java", emitted.stdout.split()[-1])
