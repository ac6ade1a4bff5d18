"""How long spans are kept."""

from receiver.clock import DAY_NS, SECOND_NS, Clock
from receiver.traces.port import SpanStore

#: Between two looks for spans that are too old.
LOOK_EVERY_NS = 60 * SECOND_NS


class Retention:
    """Has a store delete what is older than *days*, a bounded step at a time; 0 days are for ever."""

    def __init__(self, store: SpanStore, days: int, clock: Clock) -> None:
        self._store = store
        self._kept_ns = days * DAY_NS
        self._clock = clock
        self._not_before_ns = 0

    def step(self) -> bool:
        """Delete some of what is too old, if it is time to look; whether there may be more."""
        now_ns = self._clock()
        if not self._kept_ns or now_ns < self._not_before_ns:
            return False
        more = self._store.expire(now_ns - self._kept_ns)
        if not more:
            self._not_before_ns = now_ns + LOOK_EVERY_NS
        return more
