"""From ``record()`` to the receiver: a bounded queue, one thread, carriers out of what waits."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value
from opentelemetry.sdk.trace import ReadableSpan

from otel_audit._carrier import Event, request
from otel_audit._config import Config
from otel_audit._exporter import Again, Exporter, open_exporter
from otel_audit._fork import in_every_child

_log = logging.getLogger("otel_audit")

#: How often the thread looks whether a span that an event waits for has ended.
_LOOK_EVERY_S = 0.05
_RETRY_FIRST_S, _RETRY_MAX_S = 0.2, 5.0


class _Held:
    """The events of one span that has not ended, and when the first of them is due."""

    __slots__ = ("due", "events", "span")

    def __init__(self, span: ReadableSpan, due: float) -> None:
        self.span = span
        self.due = due
        self.events: list[Event] = []


class Delivery:
    """Takes events from any thread and sends them on; at most ``queue_max_events`` wait.

    An event leaves when its span has ended or when it is due, whichever comes first. What the receiver does not
    take now is sent again until it does; what it refuses for good, and what finds the queue full, is counted in
    ``lost`` and said once in the log.
    """

    def __init__(self, config: Config, resource: Mapping[str, Any], version: str) -> None:
        self._config = config
        self._resource = resource
        self._version = version
        self.lost = 0
        self._begin()
        in_every_child(self._begin)

    def _begin(self) -> None:
        """Start afresh: in a forked child what waited still belongs to the parent, which sends it."""
        self._ready: deque[Event] = deque()
        self._held: dict[int, _Held] = {}
        self._waiting = 0  # ready, held and being sent
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._hurry_until = 0.0
        self._closed = False

    def put(self, event: Event) -> bool:
        """Take *event*; False, counted, when the queue is full."""
        with self._lock:
            if self._waiting >= self._config.queue_max_events or self._closed:
                self._lose(1, "delivery has ended" if self._closed else "the queue is full")
                return False
            self._waiting += 1
            if event.span is None:
                self._ready.append(event)
            else:
                self._held.setdefault(id(event.span), _Held(event.span, event.due)).events.append(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="otel-audit", daemon=True)
                self._thread.start()
            elif self._waiting == 1:
                self._moved.notify_all()
        return True

    def flush(self, timeout_s: float) -> bool:
        """Send what waits without waiting for its spans; True once the receiver has taken all of it."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._hurry_until = deadline
            self._moved.notify_all()
            try:
                return self._moved.wait_for(lambda: not self._waiting, timeout_s)
            finally:
                self._hurry_until = 0.0

    def close(self, timeout_s: float) -> bool:
        """Flush, then take nothing more."""
        flushed = self.flush(timeout_s)
        with self._lock:
            self._closed = True
            if self._waiting:
                self._lose(self._waiting, "the process ended before the receiver took them")
            self._ready.clear()
            self._held.clear()
            self._waiting = 0
            self._moved.notify_all()
            thread = self._thread
        if thread is not None and flushed:
            thread.join(timeout_s)
        return flushed

    # -- the thread

    def _run(self) -> None:
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        exporter = open_exporter(self._config)
        try:
            while (batch := self._next()) is not None:
                self._deliver(exporter, batch)
        finally:
            exporter.close()

    def _next(self) -> list[Event] | None:
        """The next events that may leave; None once delivery has ended."""
        with self._lock:
            while not self._closed:
                self._release()
                if self._ready:
                    size = min(len(self._ready), self._config.batch_max_events)
                    return [self._ready.popleft() for _ in range(size)]
                self._moved.wait(_LOOK_EVERY_S if self._held else None)
        return None

    def _release(self) -> None:
        """Events whose span has ended, or that are due, may leave."""
        now = time.monotonic()
        hurry = now < self._hurry_until
        for key, held in list(self._held.items()):
            if hurry or held.span.end_time is not None or now >= held.due:
                self._ready.extend(held.events)
                del self._held[key]

    def _deliver(self, exporter: Exporter, batch: list[Event]) -> None:
        try:
            self._send(exporter, request(self._resource, self._version, batch))
        except Exception as error:  # refused for good, too large, or not to be encoded
            if len(batch) > 1:
                # Whatever one of them is guilty of must not cost its neighbours.
                for event in batch:
                    self._deliver(exporter, [event])
                return
            with self._lock:
                self._lose(1, str(error))
        with self._lock:
            self._waiting = max(0, self._waiting - len(batch))  # 0 already when delivery was closed meanwhile
            self._moved.notify_all()

    def _send(self, exporter: Exporter, body: bytes) -> None:
        """Send *body* until it is taken or delivery ends; Rejected when it never will be."""
        delays = _delays()
        while not self._closed:
            try:
                return exporter.send(body)
            except Again as reason:
                _log.debug("audit events not taken, sending again", extra={"reason": str(reason)})
                with self._lock:
                    if not self._closed:
                        self._moved.wait(next(delays))
        return None

    def _lose(self, count: int, reason: str) -> None:
        if not self.lost:
            _log.error("audit events lost", extra={"count": count, "reason": reason})
        self.lost += count


def _delays() -> Any:
    """Waiting times before sending again, in seconds: doubling, with jitter, bounded."""
    delay = _RETRY_FIRST_S
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads senders, guards nothing
        delay = min(delay * 2, _RETRY_MAX_S)
