"""The loop all followers share: read the journal from a durable cursor on, hand the rows over, never skip one."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from receiver.metrics import Histogram
from receiver.row import Row
from receiver.worker import Worker


class Journalled(Protocol):
    """What a follower needs of a journal's reader."""

    def read(self, after_seq: int, limit: int) -> list[Row]:
        """At most *limit* rows after *after_seq*, in order."""

    def changed(self) -> bool:
        """Whether anything was committed since the last call; True the first time."""

    def must_reach(self, seq: int, who: str) -> None:
        """Damaged when the journal ends before *seq*, which *who* has seen."""


def _nothing() -> None:
    return None


class Follower(Worker):
    """Hands every journalled row to *step*, in order, again after a crash, never past one that failed.

    *cursor* reads the place the output has durably reached; *step* makes a batch and its last ``seq`` durable
    before it returns. *tick* is called before every look at the journal, quiet or not. Whatever of these raises
    :class:`Unavailable` is called again until it does not, with growing pauses; any other error ends the
    follower. ``position`` is the last row done, ``problem`` what stands in the way, in words.
    The reader belongs to the follower's thread from :meth:`start` to :meth:`stop`; the caller closes it afterwards.
    """

    def __init__(
        self,
        name: str,
        reader: Journalled,
        step: Callable[[Sequence[Row]], None],
        *,
        cursor: Callable[[], int],
        batch_max: int,
        poll_ms: int,
        tick: Callable[[], None] = _nothing,
    ) -> None:
        super().__init__(f"follower-{name}")
        self.name = name
        self.position = 0
        self._batches = Histogram()
        self._reader = reader
        self._step = step
        self._cursor = cursor
        self._tick = tick
        self._batch_max = batch_max
        self._poll_s = poll_ms / 1000

    def facts(self) -> dict[str, Any]:
        """What the process says of this follower: how far it is, what stands in its way, how long batches took."""
        return {"position": self.position, "problem": self.problem, "batch": self._batches.facts()}

    def _work(self) -> None:
        self.position = self._patiently(self._cursor)
        self._patiently(lambda: self._reader.must_reach(self.position, self.name))
        self._follow()

    def _follow(self) -> None:
        behind = True
        while not self._stopping.is_set():
            self._patiently(self._tick)
            if behind or self._patiently(self._reader.changed):
                behind = self._catch_up_once()
            else:
                self._stopping.wait(self._poll_s)

    def _catch_up_once(self) -> bool:
        """Do one batch; whether there may be another."""
        rows = self._patiently(lambda: self._reader.read(self.position, self._batch_max))
        if rows:
            self._patiently(lambda: self._do(rows))
            self.position = rows[-1].seq
        return len(rows) == self._batch_max

    def _do(self, rows: Sequence[Row]) -> None:
        with self._batches.timed():
            self._step(rows)
