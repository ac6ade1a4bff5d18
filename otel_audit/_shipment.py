"""What leaves together: the same events on every kind of carrier that is chosen, each sent until it is answered."""

import logging
import time
from collections.abc import Sequence

from otel_audit._carrier import Request
from otel_audit._exporter import Answer, Exporter, Rejected

_log = logging.getLogger("otel_audit")


class Shipment:
    """The requests for *events* events. What has been answered is not sent again when the rest is."""

    def __init__(self, requests: Sequence[Request], events: int) -> None:
        self._left = list(requests)
        self._events = events
        self._answers: list[Answer] = []
        self._refused: list[Rejected] = []

    def send(self, exporter: Exporter, timeout_s: float) -> Answer:
        """Return once every request has been answered; Again keeps in mind which were.

        Raises Rejected when none was taken, and when one of several events may be to blame. Of a single event that
        one carrier takes and another does not, the log tells: it is delivered.
        """
        deadline = time.monotonic() + timeout_s
        while self._left:
            try:
                self._answers.append(exporter.send(self._left[0], max(deadline - time.monotonic(), 0.001)))
            except Rejected as refused:
                self._refused.append(refused)
            self._left.pop(0)
        if self._refused and (self._events > 1 or not self._answers):
            raise self._refused[0]
        for refusal in self._refused:
            _log.error("audit event refused on one of its carriers", extra={"reason": str(refusal)})
        return self._answer()

    def _answer(self) -> Answer:
        """All answers as one: an event is rejected where every carrier is, and one receipt is enough."""
        receipts = [answer.receipt for answer in self._answers if answer.receipt is not None]
        messages = dict.fromkeys(answer.message for answer in self._answers if answer.message)
        rejected = min(answer.rejected for answer in self._answers)
        return Answer(receipts[0] if receipts else None, rejected, "; ".join(messages))
