"""An event inside a database transaction: kept, pending, until it is known how that ends."""

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit import wire
from otel_audit._config import Guarantee
from otel_audit._copy import leave_copy
from otel_audit._enforced import Ask
from otel_audit._event import Event, said_of
from otel_audit._spill import Place
from otel_audit.catalog import meaning_of

if TYPE_CHECKING:
    from otel_audit._delivery import Delivery

ROLLED_BACK = "transaction_rolled_back"


class PendingEvent:
    """See :class:`otel_audit._transaction.Pending`. *event* is None where memory had no room: it is on disk alone."""

    def __init__(
        self, delivery: "Delivery", guarantee: Guarantee, place: Place | None, event: Event | None, span: object
    ) -> None:
        self._delivery = delivery
        self.stream = delivery.stream
        self.guarantee = guarantee
        self.place = place
        self.event = event
        self.span = span if isinstance(span, ReadableSpan) else None
        self.done = False

    def release(self) -> Ask | None:
        """See :meth:`otel_audit._transaction.Pending.release`."""
        return self._end(None)

    def fail(self, reason: str) -> None:
        """See :meth:`otel_audit._transaction.Pending.fail`."""
        if self.done:
            return
        try:
            said = self._delivery.said_by(self)
        except OSError as error:
            self._delivery.lose_pending(self, error)
        else:
            self._end(failed(said, reason))

    def _end(self, said: bytes | None) -> Ask | None:
        event, done = self.event, self.done
        try:
            answer = self._delivery.resolve(self, said)
        except OSError as error:
            self._delivery.lose_pending(self, error)
            return None
        if event is not None and not done and self.span is not None and self.span.end_time is None:
            leave_copy(self.span, event if said is None else event._replace(said=said))
        return answer


def failed(said: bytes, reason: str) -> bytes | None:
    """What is said of an event whose transaction was rolled back; None where it told of a failure already."""
    name, attributes = Event(said, 0, 0, 0).read()
    outcome = meaning_of(name, attributes.get(wire.OUTCOME)).outcome
    if outcome == "failure":
        return None
    if outcome == "success" and meaning_of(name, None).outcome == "success":
        name = name.rpartition(".")[0]
    attributes[wire.OUTCOME] = "failure"
    attributes.setdefault(wire.ERROR_TYPE, ROLLED_BACK)
    attributes.setdefault(wire.ERROR_MESSAGE, reason)
    if wire.AFTER in attributes:  # it never came to be
        attributes[wire.ATTEMPTED] = attributes.pop(wire.AFTER)
    return said_of(f"{name}.failed", attributes)
