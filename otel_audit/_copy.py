"""The visible copy: what people see of an event on the application's own span; the receiver passes it over."""

from collections.abc import Mapping
from typing import Any, cast
from weakref import WeakKeyDictionary

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util.types import Attributes

from otel_audit import wire
from otel_audit._event import Event

#: Visible copies on one span; more would evict the application's own events (128 a span by default).
COPIES_MAX = 32

#: How many a span has, in a list of one: counted up in place.
_copies: WeakKeyDictionary[ReadableSpan, list[int]] = WeakKeyDictionary()


def leave_copy(span: Any, event: Event) -> None:
    """Leave a copy of *event* on *span* unless that carries enough of them; one that has ended says so in the log."""
    count = _copies.get(span)
    if count is None:
        count = _copies[span] = [0]
    if count[0] >= COPIES_MAX:
        return
    count[0] += 1
    add = getattr(span, "_add_event", None)
    if add is not None:
        add(_Copy(event, getattr(span, "_limits", None)))
    else:
        name, attributes = event.read()
        span.add_event(name, _marked(attributes), timestamp=event.time_ns)


class _Copy(SpanEvent):
    """A span event that is spelled out only when somebody reads it: in the exporter's thread, or never."""

    def __init__(self, event: Event, limits: Any) -> None:
        # Not the base's: that would spell it out.
        self._event = event
        self._timestamp = event.time_ns
        self._limits = limits
        self._spelled: tuple[str, BoundedAttributes] | None = None

    @property
    def name(self) -> str:
        """The action."""
        return self._spell()[0]

    @property
    def attributes(self) -> Attributes:
        """What was said, within the application's own limits."""
        return cast("Attributes", self._spell()[1])

    @property
    def dropped_attributes(self) -> int:
        """How many attributes those limits cost."""
        return int(self._spell()[1].dropped)

    def _spell(self) -> tuple[str, BoundedAttributes]:
        if self._spelled is None:
            name, attributes = self._event.read()
            most = getattr(self._limits, "max_event_attributes", None)
            longest = getattr(self._limits, "max_attribute_length", None)
            self._spelled = name, BoundedAttributes(most, _marked(attributes), max_value_len=longest)
        return self._spelled


def _marked(attributes: Mapping[str, Any]) -> dict[str, Any]:
    # Last, for a limit on the number of attributes drops the first: the mark must stay, or the copy would count.
    return {**attributes, wire.COPY: True}
