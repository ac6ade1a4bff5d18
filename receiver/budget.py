"""How much one credential may send: the one that floods is told Busy, nobody else notices."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from receiver import config
from receiver.errors import Busy

#: A stream silent for so long is counted no more.
STREAM_S = 3600.0
#: After a quiet time so many seconds' worth may come at once.
BURST_S = 2.0


class _Rate:
    """An account that fills by *per_s* a second up to ``BURST_S`` of it, and may be overdrawn once."""

    def __init__(self, what: str, per_s: float | None, clock: Callable[[], float]) -> None:
        self._what = what
        self._per_s = per_s
        self._clock = clock
        self._balance = (per_s or 0.0) * BURST_S
        self._at = clock()

    def take(self, count: int) -> None:
        if self._per_s is None:
            return
        now = self._clock()
        self._balance = min(self._balance + (now - self._at) * self._per_s, self._per_s * BURST_S)
        self._at = now
        if self._balance <= 0:
            raise Busy(
                f"more than {self._per_s:g} {self._what} a second", retry_after_s=1 - self._balance / self._per_s
            )
        self._balance -= count


class _Streams:
    """The streams heard of within the last hour, no more than *most* of them."""

    def __init__(self, most: int | None, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._heard: OrderedDict[str, float] = OrderedDict()  # the one silent for longest first

    def take(self, streams: Iterable[str]) -> None:
        if self._most is None:
            return
        now = self._clock()
        while self._heard and next(iter(self._heard.values())) <= now - STREAM_S:
            self._heard.popitem(last=False)
        named = set(streams)
        if len(named | self._heard.keys()) > self._most:
            raise Busy(f"more than {self._most} streams within an hour", retry_after_s=60.0)
        for each in named:
            self._heard[each] = now
            self._heard.move_to_end(each)


class Budget:
    """Averages over time: what is taken too much in one request is paid off before the next is taken."""

    def __init__(self, limits: config.Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self._events = _Rate("audit events", limits.events_per_s, clock)
        self._bytes = _Rate("bytes", limits.bytes_per_s, clock)
        self._streams = _Streams(limits.streams, clock)

    def take_bytes(self, count: int) -> None:
        """A request of so many bytes came; Busy when those before it are not paid off."""
        self._bytes.take(count)

    def take_events(self, count: int, streams: Iterable[str]) -> None:
        """It has so many audit events, of these streams; Busy when that is too much, and then nothing is counted."""
        self._streams.take(streams)
        self._events.take(count)


#: Of whoever has none set.
UNLIMITED = Budget(config.Budget())
