"""The loop all followers share: read the journal from a durable cursor on, hand the rows over, never skip one."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from receiver.errors import Damaged, Unavailable
from receiver.metrics import Histogram
from receiver.row import Row

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0

Answer = TypeVar("Answer")


class Journalled(Protocol):
    """What a follower needs of a journal's reader."""

    def read(self, after_seq: int, limit: int) -> list[Row]:
        """At most *limit* rows after *after_seq*, in order."""

    def changed(self) -> bool:
        """Whether anything was committed since the last call; True the first time."""

    def must_reach(self, seq: int, who: str) -> None:
        """Damaged when the journal ends before *seq*, which *who* has seen."""


class _Stopped(Exception):
    """Somebody called ``stop`` while we were waiting."""


def _nothing() -> None:
    return None


class Follower:
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
        self.name = name
        self.position = 0
        self.problem: str | None = None
        self._batches = Histogram()
        self._reader = reader
        self._step = step
        self._cursor = cursor
        self._tick = tick
        self._batch_max = batch_max
        self._poll_s = poll_ms / 1000
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follower-{name}", daemon=True)

    def start(self) -> "Follower":
        """Begin to follow, on a thread of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Return when the step under way is done; what comes after it waits for the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def facts(self) -> dict[str, Any]:
        """What the process says of this follower: how far it is, what stands in its way, how long batches took."""
        return {"position": self.position, "problem": self.problem, "batch": self._batches.facts()}

    @property
    def ended(self) -> bool:
        """Whether it follows no more: stopped, or stopped by ``problem``."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.position = self._patiently(self._cursor)
            self._patiently(lambda: self._reader.must_reach(self.position, self.name))
            self._follow()
        except _Stopped:
            pass
        except Damaged as error:
            self.problem = str(error)
        except Exception as error:  # a defect of ours: said in the state, for going on would skip the row
            self.problem = f"{type(error).__name__}: {error}"

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

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        """*call*'s answer, however long it takes the backend to give it."""
        pause = BACKOFF_FIRST_S
        while True:
            try:
                answer = call()
            except Unavailable as error:
                self.problem = str(error)
                if self._stopping.wait(pause):
                    raise _Stopped from error
                pause = min(2 * pause, BACKOFF_MAX_S)
            else:
                self.problem = None
                return answer
