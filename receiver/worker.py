"""A thread that does its work, however long what it needs is away."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self, TypeVar

from receiver.errors import Damaged, Unavailable

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0

Answer = TypeVar("Answer")


class Stopped(Exception):
    """Somebody called ``stop`` while the work waited."""


class Worker(ABC):
    """A thread of a process, begun once and stopped once; ``problem`` is what stands in its way, in words.

    What is damaged ends the thread, and so does a defect of ours: both stay in ``problem``, for going on would skip
    what it was at.
    """

    def __init__(self, name: str) -> None:
        self.problem: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Self:
        """Begin, on a thread of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Return when the step under way is done; what comes after it waits for the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def ended(self) -> bool:
        """Whether it works no more: stopped, or stopped by ``problem``."""
        return not self._thread.is_alive()

    @abstractmethod
    def _work(self) -> None:
        """Go on until ``_stopping`` is set."""

    def _run(self) -> None:
        try:
            self._work()
        except Stopped:
            pass
        except Damaged as error:
            self.problem = str(error)
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    def _patiently(
        self, call: Callable[[], Answer], waits_for: type[Exception] | tuple[type[Exception], ...] = Unavailable
    ) -> Answer:
        """*call*'s answer, however often it raises *waits_for* before, with growing pauses; Stopped instead of it."""
        pause = BACKOFF_FIRST_S
        while True:
            try:
                answer = call()
            except waits_for as error:
                self.problem = str(error)
                if self._stopping.wait(pause):
                    raise Stopped from error
                pause = min(2 * pause, BACKOFF_MAX_S)
            else:
                self.problem = None
                return answer
