"""Everything that came in goes on to the backends, each by itself, and nobody waits for them."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from otel_audit.redact import Redactor
from receiver.config import Forward
from receiver.forward.batch import Waiting
from receiver.forward.disk import DiskQueue
from receiver.forward.exporter import Exporter
from receiver.forward.grpc import GrpcExporter
from receiver.forward.http import HttpExporter
from receiver.forward.lane import Lane
from receiver.forward.outgoing import outgoing
from receiver.forward.queue import MemoryQueue, Queue
from receiver.signal import SIGNALS, Name, Signal

_LOG = logging.getLogger(__name__)


class Forwarder:
    """The backends of the settings. Make and use it in the event loop; without backends it does nothing."""

    def __init__(self, backends: Sequence[Forward], data_dir: Path, redactor: Redactor | None = None) -> None:
        """*data_dir* holds the queues on disk; *redactor* has the rules.

        WrongSettings when a backend cannot be spoken to with its settings.
        """
        directory = data_dir / "forward"
        redactor = redactor or Redactor()
        self._backends = [_Backend(each, directory / quote(each.called, safe=""), redactor) for each in backends]
        self._directories = {each.directory for each in self._backends if each.lasts}
        self._directory = directory

    def offer(self, signal: Name, body: bytes, marked: bool) -> None:
        """Hand on one request. Never waits, never raises: what there is no room for is dropped and counted.

        *marked* says whether ``audit.`` is in it.
        """
        ready: dict[bool, bytes | None] = {}
        for backend in self._backends:
            lane = backend.lanes.get(signal)
            if lane is None:
                continue
            if backend.strip not in ready:
                ready[backend.strip] = outgoing(SIGNALS[signal], body, marked, backend.strip)
            if (goes_on := ready[backend.strip]) is not None:
                lane.offer(goes_on)

    async def start(self) -> None:
        """Begin to send, first what an earlier process left on disk."""
        await asyncio.gather(*(lane.start() for lane in self._lanes()))
        left = {path for path in self._directory.glob("*") if path not in self._directories}
        for path in sorted(left):
            _LOG.warning("forwarding has no backend for what lies on disk", extra={"path": path})

    async def stop(self, grace_s: float) -> None:
        """Send what waits in memory for up to *grace_s*; what is on disk stays there."""
        await asyncio.gather(*(lane.stop(grace_s) for lane in self._lanes()))
        await asyncio.gather(*(backend.exporter.close() for backend in self._backends))

    def counts(self) -> dict[str, Any]:
        """Of each backend since the start: requests sent and dropped (by reason), spans or records it threw away,
        bytes waiting, and the problem while it takes nothing."""
        return {backend.name: backend.facts() for backend in self._backends}

    def _lanes(self) -> list[Lane]:
        return [lane for backend in self._backends for lane in backend.lanes.values()]


class _Backend:
    """One backend: its connection, and a lane for each signal it is to have."""

    def __init__(self, settings: Forward, directory: Path, redactor: Redactor) -> None:
        self.name = settings.called
        self.strip = settings.strip
        self.lasts = settings.queue == "disk"
        self.directory = directory
        self.exporter: Exporter = (GrpcExporter if settings.protocol == "grpc" else HttpExporter)(settings)
        wanted = [signal for name, signal in SIGNALS.items() if not settings.signals or name in settings.signals]
        self.lanes = {
            each.name: Lane(settings, each, self.exporter, self._queue(settings, each), redactor) for each in wanted
        }

    def facts(self) -> dict[str, Any]:
        """The sum over its signals."""
        facts = {name: lane.facts() for name, lane in self.lanes.items()}
        dropped: Counter[str] = Counter()
        for each in facts.values():
            dropped.update(each.pop("dropped"))
        problems = [f"{name}: {problem}" for name, each in facts.items() if (problem := each.pop("problem"))]
        sums: Counter[str] = Counter()
        for each in facts.values():
            sums.update(each)
        return {**sums, "dropped": dict(dropped), "problem": "; ".join(problems) or None}

    def _queue(self, settings: Forward, signal: Signal) -> Queue:
        waiting = Waiting(settings.batch_max_bytes, settings.batch_wait_ms)
        if not self.lasts:
            return MemoryQueue(settings.queue_max_bytes, waiting)
        at_hand = 2 * settings.batch_max_bytes
        return DiskQueue(self.directory / signal.name, settings.queue_max_bytes, waiting, at_hand)
