"""A side of a comparison: something that takes OTLP, running in processes of its own whose CPU and memory are told."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.stop import Stop
from receiver.journal import JournalReader
from receiver.metrics import read_states
from tests.parts import collector, receiver

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")
ROLES = {"accept", "follow", "answer"}
_START_MAX_S = 30

COLLECTOR = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "{grpc}", max_recv_msg_size_mib: 64}, http: {endpoint: "{http}"}}}
processors:
  batch: {}
exporters:
  EXPORTER
extensions:
  health_check: {endpoint: "{health}"}
  STORAGE
service:
  extensions: [EXTENSIONS]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], processors: [PROCESSORS], exporters: [NAME]}}
"""


@dataclass(frozen=True)
class Side:
    """Where it takes OTLP over gRPC, and the processes that count as it, by role."""

    name: str
    endpoint: str
    processes: Mapping[str, int]

    def cpu_s(self, *roles: str) -> float:
        """CPU seconds so far of the processes in *roles* (all of them when none is named), their children included."""
        return sum(_cpu_s(self.processes[role]) for role in roles or self.processes)

    def resident_bytes(self, role: str) -> int:
        """The memory that one process holds now."""
        return int((_PROC / str(self.processes[role]) / "statm").read_text().split()[1]) * _PAGE_BYTES


def _cpu_s(pid: int) -> float:
    """Of one process, and of the children it has waited for."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) * _TICK_S


@dataclass(frozen=True)
class Ours(Side):
    """A receiver of ours; its processes tell more of themselves."""

    receiver: receiver.Receiver

    def state(self, role: str) -> dict[str, Any]:
        """What a process said of itself last."""
        told: dict[str, Any] = json.loads((self.receiver.data_dir / "run" / f"{role}.json").read_text())
        return told

    def lag_entries(self) -> int:
        """How many rows of the journal are not indexed yet."""
        with contextlib.closing(JournalReader.open(self.receiver.data_dir)) as journal:
            return journal.last_seq() - int(self.state("follow")["index"]["position"])


@contextlib.contextmanager
def ours(name: str, settings: Mapping[str, str]) -> Iterator[Ours]:
    """A whole receiver, ``otel-audit serve``: each of its processes is one role."""
    with tempfile.TemporaryDirectory() as scratch, receiver.running(Path(scratch) / "data", settings) as running:
        states = _states(running.data_dir)
        yield Ours(name, running.grpc, {role: state["pid"] for role, state in states.items()}, running)


def _states(data_dir: Path) -> dict[str, dict[str, Any]]:
    """What each process of a receiver says of itself; it answers before the last of them has said something."""
    deadline = time.monotonic() + _START_MAX_S
    while time.monotonic() < deadline:
        states = read_states(data_dir)
        if states.keys() >= ROLES:
            return states
        time.sleep(0.05)
    raise Stop(f"otel-audit: of {', '.join(sorted(ROLES))} only {', '.join(sorted(states))} run")


@contextlib.contextmanager
def collector_to(
    name: str, exporter: str, *, batch: bool = True, storage: str = "", extension: str = ""
) -> Iterator[Side]:
    """A Collector, otlp ▶ batch ▶ *exporter* (its YAML, beginning with its name)."""
    told = {
        "EXPORTER": exporter,
        "NAME": exporter.partition(":")[0],
        "PROCESSORS": "batch" if batch else "",
        "STORAGE": storage,
        "EXTENSIONS": ", ".join(filter(None, ("health_check", extension))),
    }
    config = COLLECTOR
    for place, text in told.items():
        config = config.replace(place, text)
    before = children()
    with collector.running(config) as (grpc, _):
        (process,) = children() - before
        yield Side(name, grpc, {"collector": process})


def otlp_exporter(endpoint: str, queue: str = "") -> str:
    """The Collector's exporter to *endpoint* over plain gRPC, uncompressed as ours; *queue* is YAML for its queue."""
    return f'otlp: {{endpoint: "{endpoint}", tls: {{insecure: true}}, compression: none, sending_queue: {{{queue}}}}}'


def children() -> set[int]:
    """Our own processes, one level down: what was not there before a side was started is that side."""
    found = (path.read_text() for path in _PROC.glob("self/task/*/children"))
    return {int(pid) for each in found for pid in each.split()}
