"""Batches of events that are in no memory: this process's own that overflowed, and those that dead processes left."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from otel_audit import wire
from otel_audit._config import Config
from otel_audit._event import Event, Numbered, said_of
from otel_audit._queue import Item
from otel_audit._segment import Segment
from otel_audit._sender import Batch
from otel_audit._spill import LeftBehind, Spill
from otel_audit._stream import report_of

_log = logging.getLogger("otel_audit")

#: How often files left behind are looked for.
_SCAN_EVERY_S = 10.0


class Backlog:
    """Asked by the sender's thread alone; *lock* is the one the spill is used under."""

    def __init__(
        self,
        config: Config,
        spill: Spill,
        lock: threading.RLock,
        source_id: str,
        resource: Mapping[str, Any],
        now_ns: Callable[[], int],
    ) -> None:
        self._config = config
        self._spill = spill
        self._lock = lock
        self._source_id = source_id
        self._resource = resource
        self._now_ns = now_ns
        self._reading: Iterator[Batch] | None = None
        self._scan_at = 0.0

    @property
    def waits(self) -> bool:
        """Whether there is certainly something to read."""
        return self._reading is not None or self._spill.has_overflowed

    def next(self) -> Batch | None:
        """The next batch, or None for now. Asking again says that the last has been answered."""
        if self._reading is None:
            self._reading = self._own() or self._left_behind()
        if self._reading is None:
            return None
        try:
            return next(self._reading)
        except StopIteration:
            pass
        except OSError as error:
            _log.warning("audit spill file cannot be read", extra={"reason": str(error)})
        self._reading = None
        return None

    def _own(self) -> Iterator[Batch] | None:
        with self._lock:
            segment = self._spill.overflowed()
            return None if segment is None else self._read_back(segment, segment.size)

    def _read_back(self, segment: Segment, end: int) -> Iterator[Batch]:
        try:
            events = segment.overflowed(end)
        except OSError:
            with self._lock:
                self._spill.give_up(segment)
            raise
        for items in self._in_batches(events):
            yield Batch(self._source_id, self._resource, items)
        with self._lock:
            self._spill.read_back(segment, end)

    def _left_behind(self) -> Iterator[Batch] | None:
        if time.monotonic() < self._scan_at:
            return None
        self._scan_at = time.monotonic() + _SCAN_EVERY_S
        return self._sent_on(self._spill.left_behind())

    def _sent_on(self, files: Iterator[LeftBehind]) -> Iterator[Batch]:
        while True:
            with self._lock:
                left = next(files, None)
            if left is None:
                return
            try:
                yield from self._batches_of(left)
                left.finish()
            finally:
                left.put_back()  # unless it is finished with

    def _batches_of(self, left: LeftBehind) -> Iterator[Batch]:
        header, events = left.contents.header, left.contents.events
        if header is None:
            return
        unknown = tuple(Numbered(0, _of_unknown_outcome(event)) for event in left.contents.unresolved)
        for items in self._in_batches(events + unknown):
            yield Batch(header.source_id, header.resource, items)
        if left.contents.last:
            # Its own last report may never have left; the receiver keeps the highest.
            yield report_batch(header.resource, report_of(header.source_id, left.contents.last), self._now_ns())
        _log.info(
            "audit events of a process that ended were sent on",
            extra={"events": len(events) + len(unknown), "source": header.source_id},
        )

    def _in_batches(self, events: Sequence[Numbered]) -> Iterator[list[Item]]:
        batch: list[Item] = []
        size = 0
        for number, event in events:
            size += len(event.said)
            if batch and (len(batch) >= self._config.batch_max_events or size > self._config.batch_max_bytes):
                yield batch
                batch, size = [], len(event.said)
            batch.append(Item(number, event))
        if batch:
            yield batch


def report_batch(resource: Mapping[str, Any], report: dict[str, Any], now_ns: int) -> Batch:
    """A stream's report on its way; it has a trace of its own and no number."""
    said = said_of(wire.STREAM_REPORT, report)
    event = Event(said, now_ns, UUID(report[wire.RECORD_ID]).int, 0)
    return Batch(report[wire.SOURCE_ID], resource, [Item(0, event)])


def _of_unknown_outcome(event: Event) -> Event:
    name, attributes = event.read()
    return event._replace(said=said_of(name, {**attributes, wire.OUTCOME: "unknown"}))
