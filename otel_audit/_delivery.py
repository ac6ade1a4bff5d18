"""From ``record()`` to the receiver: a bounded queue, one thread, carriers out of what waits."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from otel_audit._carrier import Event, request
from otel_audit._config import Config
from otel_audit._exporter import Again, Exporter, Rejected, open_exporter
from otel_audit._fork import in_every_child

_log = logging.getLogger("otel_audit")

#: How often the thread looks whether a span that an event waits for has ended.
_LOOK_EVERY_S = 0.05
_RETRY_FIRST_S, _RETRY_MAX_S = 0.2, 5.0


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
        self._waiting: deque[Event] = deque()
        self._sending = 0
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._hurry_until = 0.0
        self._closed = False

    def put(self, event: Event) -> bool:
        """Take *event*; False, counted, when the queue is full."""
        with self._lock:
            if len(self._waiting) + self._sending >= self._config.queue_max_events or self._closed:
                self._lose(1, "the queue is full" if not self._closed else "delivery has ended")
                return False
            self._waiting.append(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="otel-audit", daemon=True)
                self._thread.start()
            elif len(self._waiting) == 1:
                self._moved.notify_all()
        return True

    def flush(self, timeout_s: float) -> bool:
        """Send what waits without waiting for its spans; True once the receiver has taken all of it."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._hurry_until = deadline
            self._moved.notify_all()
            try:
                return self._moved.wait_for(lambda: not self._waiting and not self._sending, timeout_s)
            finally:
                self._hurry_until = 0.0

    def close(self, timeout_s: float) -> bool:
        """Flush, then take nothing more."""
        flushed = self.flush(timeout_s)
        with self._lock:
            self._closed = True
            left = len(self._waiting) + self._sending
            if left:
                self._lose(left, "the process ended before the receiver took them")
            self._waiting.clear()
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
                ready = self._take_ready()
                if ready:
                    self._sending = len(ready)
                    return ready
                self._moved.wait(_LOOK_EVERY_S if self._waiting else None)
        return None

    def _take_ready(self) -> list[Event]:
        now = time.monotonic()
        hurry = now < self._hurry_until
        ready: list[Event] = []
        for _ in range(len(self._waiting)):
            event = self._waiting.popleft()
            may_leave = hurry or event.span is None or event.span.end_time is not None or now >= event.due
            if may_leave and len(ready) < self._config.batch_max_events:
                ready.append(event)
            else:
                self._waiting.append(event)
        return ready

    def _deliver(self, exporter: Exporter, batch: list[Event]) -> None:
        body = request(self._resource, self._version, batch)
        delays = _delays()
        while not self._closed:
            try:
                exporter.send(body)
            except Again as reason:
                _log.debug("audit events not taken, sending again", extra={"reason": str(reason)})
                with self._lock:
                    if not self._closed:
                        self._moved.wait(next(delays))
                continue
            except Rejected as reason:
                with self._lock:
                    self._lose(len(batch), f"the receiver refused them: {reason}")
            break
        with self._lock:
            self._sending = 0
            self._moved.notify_all()

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
