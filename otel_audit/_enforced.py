"""``enforced``: sent at once, on a connection of its own, and waited for until the receiver's receipt is here."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from otel_audit import wire
from otel_audit._carrier import requests
from otel_audit._config import Config
from otel_audit._exporter import Again, Answer, Exporter
from otel_audit._protocol import open_exporter
from otel_audit._queue import Item
from otel_audit._shipment import Shipment
from otel_audit.errors import AuditNotStored

_log = logging.getLogger("otel_audit")

_AGAIN_S = 0.1


class Ask:
    """One event whose receipt somebody waits for. *kept* when it will be sent on though nobody waits any more."""

    __slots__ = ("_settled", "deadline", "future", "item", "kept", "reason")

    def __init__(self, item: Item, deadline: float, kept: bool, settled: "Settled") -> None:
        self._settled = settled
        self.item = item
        self.deadline = deadline
        self.kept = kept
        self.future: Future[str] = Future()
        self.reason = "the receiver did not answer"

    def wait(self) -> str:
        """The receipt; raises AuditNotStored when it does not come in time."""
        try:
            return self.future.result(max(self.deadline - time.monotonic(), 0.0))
        except TimeoutError:
            return self.give_up()

    async def wait_async(self) -> str:
        """As :meth:`wait`, without holding up the event loop."""
        answer = asyncio.wrap_future(self.future)
        try:
            return await asyncio.wait_for(asyncio.shield(answer), max(self.deadline - time.monotonic(), 0.0))
        except TimeoutError:
            return self.give_up()
        except asyncio.CancelledError:
            if not self.future.done():
                with suppress(AuditNotStored):
                    self.give_up()
            raise

    def give_up(self) -> str:
        """Nobody waits any more: AuditNotStored, or the receipt that came at the last moment."""
        if not self.future.cancel():
            return self.future.result()
        self._settled(self, None)
        raise self.not_stored()

    def not_stored(self) -> AuditNotStored:
        """The error that says why."""
        reason = f"{self.reason}; it is kept and sent on" if self.kept else self.reason
        return AuditNotStored(reason, str(self.item.event.read()[1][wire.RECORD_ID]))


#: Told of each once: its receipt, or None when nobody waits for it any more.
Settled = Callable[[Ask, str | None], None]


class Desk:
    """Sends what is asked for, many together; its thread begins with the first.

    At most ``queue_max_events`` wait at once.
    """

    def __init__(
        self,
        config: Config,
        version: str,
        resource: Mapping[str, Any],
        source_id: str,
        settled: Settled,
    ) -> None:
        self._config = config
        self._version = version
        self._resource = resource
        self._source_id = source_id
        self._settled = settled
        self._lock = threading.RLock()
        self._asked = threading.Condition(self._lock)
        self._asks: list[Ask] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, item: Item, deadline: float, kept: bool = False) -> Ask:
        """Send *item* until it is taken or *deadline* (``time.monotonic``) has passed."""
        ask = Ask(item, deadline, kept, self._settled)
        with self._lock:
            taken = not self._closed and len(self._asks) < self._config.queue_max_events
            if taken:
                self._asks.append(ask)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="otel-audit-enforced", daemon=True)
                    self._thread.start()
                self._asked.notify_all()
        if not taken:
            self._fail(ask, "delivery has ended" if self._closed else "too many wait already")
        return ask

    def close(self) -> None:
        """End the thread; who still waits is told so."""
        with self._lock:
            self._closed = True
            self._asked.notify_all()

    def _run(self) -> None:
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        exporter = open_exporter(self._config)
        try:
            while asks := self._next():
                self._send(exporter, asks)
        finally:
            exporter.close()

    def _next(self) -> list[Ask]:
        with self._lock:
            while not self._asks and not self._closed:
                self._asked.wait()
            asks, self._asks = self._asks, []
            closed = self._closed
        if not closed:
            return asks
        for ask in asks:
            self._fail(ask, "delivery has ended")
        return []

    def _send(self, exporter: Exporter, asks: list[Ask]) -> None:
        """Ask for all of *asks* together; those not taken now wait for the next turn."""
        now = time.monotonic()
        asks = [ask for ask in asks if ask.deadline > now and not ask.future.cancelled()]
        for begin in range(0, len(asks), self._config.batch_max_events):
            self._send_together(exporter, asks[begin : begin + self._config.batch_max_events])

    def _send_together(self, exporter: Exporter, asks: list[Ask]) -> None:
        timeout_s = max(ask.deadline for ask in asks) - time.monotonic()
        try:
            answer = self._shipment([ask.item for ask in asks]).send(exporter, max(timeout_s, 0.001))
        except Again as again:
            for ask in asks:
                ask.reason = str(again)
            with self._lock:
                self._asks = asks + self._asks
                self._asked.wait(_AGAIN_S if again.after_s is None else again.after_s)
        except Exception as error:  # refused for good, too large, or not to be encoded
            self._one_by_one(exporter, asks, str(error))
        else:
            self._answered(exporter, asks, answer)

    def _shipment(self, items: list[Item]) -> Shipment:
        carrier = self._config.carrier
        return Shipment(requests(carrier, self._resource, self._version, self._source_id, items), len(items))

    def _answered(self, exporter: Exporter, asks: list[Ask], answer: Answer) -> None:
        if answer.receipt is not None:
            for ask in asks:
                if ask.future.set_running_or_notify_cancel():
                    self._settled(ask, answer.receipt)
                    ask.future.set_result(answer.receipt)
        else:
            reason = answer.message or "the answer had no receipt (a Collector in between gives none)"
            self._one_by_one(exporter, asks, reason)

    def _one_by_one(self, exporter: Exporter, asks: list[Ask], reason: str) -> None:
        """One of them may be to blame, and only that one is told so."""
        if len(asks) > 1:
            for ask in asks:
                self._send_together(exporter, [ask])
            return
        self._fail(asks[0], reason)

    def _fail(self, ask: Ask, reason: str) -> None:
        """Never called under our lock: *settled* takes another, which those who ask may hold."""
        ask.reason = reason
        if ask.future.set_running_or_notify_cancel():
            self._settled(ask, None)
            ask.future.set_exception(ask.not_stored())
