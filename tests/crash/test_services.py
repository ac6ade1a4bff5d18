"""``kill -9`` of services that record, at random moments, while the receiver dies and comes back as well."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.far_side import environment, journalled, run, without_holes
from tests.parts.ports import free_ports
from tests.parts.receiver import Receiver, running

pytestmark = pytest.mark.timeout(180)

#: Notes each event's id once record() has returned, so that what it promised is known after its death.
SERVICE = """
import os, random, sys
import otel_audit
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
otel_audit.configure(service_name="mortal", tracer_provider=provider)
promised = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True:
    with provider.get_tracer("t").start_as_current_span("work"):
        for _ in range(random.randrange(1, 200)):
            recorded = otel_audit.record("order.create.success", after={"total": random.random()})
            os.write(promised, recorded.event_id.encode() + b"\\n")
"""
SECONDS = 6
ENOUGH = 300


def test_what_was_recorded_outlives_the_service_and_the_receiver(tmp_path: Path):
    """Every event whose record() returned is journalled, once, in streams without holes."""
    grpc, http, api = free_ports(3)
    ports = {"OTLP__GRPC": f"127.0.0.1:{grpc}", "OTLP__HTTP": f"127.0.0.1:{http}", "API__LISTEN": f"127.0.0.1:{api}"}
    nobody = Receiver(tmp_path / "data", 0, f"127.0.0.1:{grpc}", "", "")
    environ = environment(nobody, tmp_path / "spill")
    kills = 0
    ends = time.monotonic() + SECONDS
    # On a machine that is busy a service may not live long enough to record anything.
    while time.monotonic() < ends or len(_promised(tmp_path)) < ENOUGH:
        with running(tmp_path / "data", ports) as receiver:
            until = time.monotonic() + random.uniform(2, 5)
            while time.monotonic() < until:
                kills += 1
                _live_and_die(tmp_path / f"promised-{kills}", environ)
            os.kill(receiver.pid, signal.SIGTERM)
    promised = _promised(tmp_path)
    with running(tmp_path / "data", ports) as receiver:
        while list((tmp_path / "spill").glob("*.spill")):
            run("import otel_audit, time; otel_audit.configure(service_name='heir'); time.sleep(3)", environ)
        entries = journalled(receiver, "mortal")
    stored = [entry["event_id"] for entry in entries]
    assert len(stored) == len(set(stored))
    assert set(promised) <= set(stored)
    without_holes(entries)
    assert list((tmp_path / "spill").glob("*.set-aside")) == []


def _promised(directory: Path) -> list[str]:
    """The events whose ``record()`` returned; the test's time limit is the longest it is waited for enough of them."""
    return [line for file in directory.glob("promised-*") for line in file.read_text().splitlines()]


def _live_and_die(promised: Path, environ: dict[str, str]) -> None:
    """A service that starts, records for a moment, and is killed."""
    service = subprocess.Popen([sys.executable, "-c", SERVICE, str(promised)], env=environ)
    deadline = time.monotonic() + 20
    while not promised.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.8))
    service.kill()
    service.wait(10)
