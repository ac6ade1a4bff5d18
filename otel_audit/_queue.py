"""What waits in memory to be sent: bounded in events and bytes, held until its span has ended."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit._event import Event
from otel_audit._segment import Segment


class Item(NamedTuple):
    """An event in the queue: its number, the span that shows more about it, when it leaves at the latest
    (``time.monotonic``), and the spill file that holds it too."""

    number: int
    event: Event
    span: ReadableSpan | None = None
    due: float = 0.0
    segment: Segment | None = None


class _Held:
    """The events of one span that has not ended, and when the first of them is due."""

    __slots__ = ("due", "items", "span")

    def __init__(self, span: ReadableSpan, due: float) -> None:
        self.span = span
        self.due = due
        self.items: list[Item] = []


class Queue:
    """Called under its owner's lock. What is being sent still counts, until it has been answered."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._ready: deque[Item] = deque()
        self._held: dict[int, _Held] = {}
        self._taken: dict[int, Item] = {}
        #: What waits, reserved room included.
        self.events = 0
        self.bytes = 0
        self.reserved = 0

    def has_room(self, event: Event) -> bool:
        """Whether *event* may wait here too."""
        return self.events < self._max_events and self.bytes + len(event.said) <= self._max_bytes

    def reserve(self, event: Event) -> None:
        """Keep room for *event*, which waits elsewhere."""
        self.reserved += 1
        self.events += 1
        self.bytes += len(event.said)

    def release(self, event: Event) -> None:
        """Give back the room that was kept for *event*."""
        self.reserved -= 1
        self.events -= 1
        self.bytes -= len(event.said)

    def put(self, item: Item) -> None:
        """Keep *item* until its span has ended or it is due."""
        span = item.span
        self.events += 1
        self.bytes += len(item.event.said)
        if span is None:
            self._ready.append(item)
            return
        held = self._held.get(id(span))
        if held is None:
            held = self._held[id(span)] = _Held(span, item.due)
        held.items.append(item)

    def ripen(self, now: float, all_of_them: bool) -> None:
        """Let go of the events that may leave."""
        for key, held in list(self._held.items()):
            if all_of_them or held.span.end_time is not None or now >= held.due:
                self._ready.extend(held.items)
                del self._held[key]

    @property
    def ready(self) -> int:
        """How many may leave."""
        return len(self._ready)

    def take(self, max_events: int, max_bytes: int) -> list[Item]:
        """What leaves next, one event at least."""
        taken = [self._ready.popleft()]
        size = len(taken[0].event.said)
        while self._ready and len(taken) < max_events:
            size += len(self._ready[0].event.said)
            if size > max_bytes:
                break
            taken.append(self._ready.popleft())
        self._taken.update((item.number, item) for item in taken)
        return taken

    def answered(self, items: Sequence[Item]) -> None:
        """*items* need no room any more."""
        for item in items:
            del self._taken[item.number]
            self.events -= 1
            self.bytes -= len(item.event.said)

    def clear(self) -> list[Item]:
        """Everything that has not been answered."""
        rest = [*self._taken.values(), *self._ready, *(item for held in self._held.values() for item in held.items)]
        self._taken.clear()
        self._ready.clear()
        self._held.clear()
        self.events = self.bytes = self.reserved = 0
        return rest
