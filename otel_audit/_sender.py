"""The thread that sends: one batch after the other, each until it has been answered."""

import logging
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from otel_audit._carrier import requests
from otel_audit._config import Config
from otel_audit._exporter import Again, Answer, Exporter
from otel_audit._protocol import open_exporter
from otel_audit._queue import Item
from otel_audit._shipment import Shipment

_log = logging.getLogger("otel_audit")

_RETRY_FIRST_S, _RETRY_MAX_S = 0.2, 5.0
#: A receiver that takes nothing is named in the log after this many attempts, once for each outage.
_SAY_AFTER = 3


class Batch(NamedTuple):
    """Events of one stream that leave together; *queued* when they are this process's own and wait in its memory."""

    source_id: str
    resource: Mapping[str, Any]
    items: Sequence[Item]
    queued: bool = False


class Source(Protocol):
    """Where batches come from and what is told of them; asked by the sender's thread alone."""

    def next_batch(self) -> Batch | None:
        """The next events from memory, waiting for them; None when there is something else to do."""

    def next_from_disk(self) -> Batch | None:
        """The next events that are in no memory, or None. Asking again says that the last have been answered."""

    def report(self) -> Batch | None:
        """The stream's report, when it is due."""

    def took(self, batch: Batch, answer: Answer) -> None:
        """The receiver has answered for all of *batch*."""

    def refused(self, batch: Batch, reason: str) -> None:
        """The receiver will never take this one event."""

    def reported(self, batch: Batch) -> None:
        """The receiver has the report."""

    def look_after_files(self) -> None:
        """Called between batches and between attempts."""

    def pause(self, seconds: float) -> bool:
        """Wait before sending again; False once delivery has ended."""

    @property
    def ended(self) -> bool:
        """Whether the thread is to end."""


class Sender(threading.Thread):
    """Ends when its source has."""

    def __init__(self, config: Config, version: str, source: Source) -> None:
        super().__init__(name="otel-audit", daemon=True)
        self._config = config
        self._version = version
        self._source = source

    def run(self) -> None:
        """Send whatever there is, from memory and from disk in turn."""
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        exporter = open_exporter(self._config)
        source = self._source
        try:
            while not source.ended:
                try:
                    self._turn(exporter)
                except Exception:  # our own mistake: it must not cost the events that follow
                    _log.exception("audit delivery stumbled")
                    source.pause(_RETRY_MAX_S)
            self._report(exporter)
        finally:
            exporter.close()

    def _turn(self, exporter: Exporter) -> None:
        source = self._source
        self._deliver(exporter, source.next_batch())
        source.look_after_files()
        if not source.ended:
            self._deliver(exporter, source.next_from_disk())
            self._report(exporter)

    def _deliver(self, exporter: Exporter, batch: Batch | None) -> bool:
        """Send *batch* until it is taken, refused, or delivery ends."""
        if batch is None:
            return True
        try:
            answer = self._send(exporter, self._shipment(batch))
        except Exception as error:  # refused for good, too large, or not to be encoded
            if len(batch.items) == 1:
                self._source.refused(batch, str(error))
                return True
            # Whatever one of them is guilty of must not cost its neighbours.
            middle = len(batch.items) // 2
            return all(
                self._deliver(exporter, batch._replace(items=half))
                for half in (batch.items[:middle], batch.items[middle:])
            )
        if answer is not None:
            self._source.took(batch, answer)
        return answer is not None

    def _send(self, exporter: Exporter, shipment: Shipment) -> Answer | None:
        """The answer, however long it takes; None when delivery ended first, Rejected when it never will be taken."""
        for attempt, delay in enumerate(_delays(), 1):
            try:
                return shipment.send(exporter, self._config.timeout_s)
            except Again as reason:
                if attempt == _SAY_AFTER:
                    _log.warning("audit events not taken, sending again until they are", extra={"reason": str(reason)})
                self._source.look_after_files()
                if not self._source.pause(delay if reason.after_s is None else reason.after_s):
                    return None
        return None

    def _report(self, exporter: Exporter) -> None:
        """Tried once: the next one says the same and more."""
        batch = self._source.report()
        if batch is None:
            return
        try:
            self._shipment(batch).send(exporter, self._config.timeout_s)
        except Exception as reason:
            _log.debug("stream report not taken", extra={"reason": str(reason)})
        else:
            self._source.reported(batch)

    def _shipment(self, batch: Batch) -> Shipment:
        carrier, items = self._config.carrier, batch.items
        return Shipment(requests(carrier, batch.resource, self._version, batch.source_id, items), len(items))


def _delays() -> Iterator[float]:
    """Waiting times before sending again, in seconds: doubling, with jitter, bounded."""
    delay = _RETRY_FIRST_S
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads senders, guards nothing
        delay = min(delay * 2, _RETRY_MAX_S)
