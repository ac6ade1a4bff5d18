"""Numbers that came to another receiver: behind a load balancer one stream may go to several."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from receiver.clock import SECOND_NS, Clock, now_ns
from receiver.errors import Unavailable
from receiver.streams.numbers import MISSING_AFTER_NS
from receiver.streams.writer import StreamWriter

LOOK_EVERY_S = 30.0
#: By then another receiver has indexed what it took; and whoever asks is not told yet that something is missing.
ASK_AFTER_NS = MISSING_AFTER_NS // 2
#: A gap that was not filled is asked about again after so long; one so old never again.
ASK_AGAIN_S = 3600.0
GIVEN_UP_NS = 7 * 86_400 * SECOND_NS
#: Of one look: gaps asked about, and numbers learnt about each.
GAPS_MAX = 200
NUMBERS_MAX = 10_000

_Asked = tuple[str, str, int]


class Index(Protocol):
    """What is needed of the index of entries."""

    def is_shared(self, log: str) -> bool:
        """Whether receivers with other logs put their entries there, too."""

    def numbers(self, tenant: str, source_id: str, first: int, last: int, limit: int) -> Sequence[int]:
        """The lowest of the numbers from *first* to *last* under which the stream's entries stand."""


class Elsewhere:
    """Closes gaps with what other receivers have indexed; on the thread that writes the streams.

    While the index does not answer, gaps stay as they are and are asked about later. One receiver alone asks nothing
    but whether it is alone.
    """

    def __init__(
        self,
        writer: StreamWriter,
        index: Index,
        log: str,
        clock: Clock = now_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._index = index
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._next_s = 0.0
        self._again_s: dict[_Asked, float] = {}

    def tick(self) -> None:
        """Look, when it is time."""
        now_s = self._monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_EVERY_S
        with suppress(Unavailable):  # the index follower says it, and streams go on without it
            if self._index.is_shared(self._log):
                self._look(now_s)

    def _look(self, now_s: float) -> None:
        self._again_s = {gap: again_s for gap, again_s in self._again_s.items() if again_s > now_s}
        now = self._clock()
        asked = 0
        for (tenant, source_id), gap in self._writer.gaps(now - GIVEN_UP_NS, now - ASK_AFTER_NS):
            name = (tenant, source_id, gap.first)
            if name in self._again_s:
                continue
            numbers = self._index.numbers(tenant, source_id, gap.first, gap.last, NUMBERS_MAX)
            self._writer.heal((tenant, source_id), [(number, gap.since_ns) for number in numbers])
            if len(numbers) < NUMBERS_MAX:  # of a longer one the rest is a gap of its own, and the next look's
                self._again_s[name] = now_s + ASK_AGAIN_S
            asked += 1
            if asked == GAPS_MAX:
                return
