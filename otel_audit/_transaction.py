"""Events recorded inside a database transaction wait here until it is known how that ends.

An integration knows the database library: it makes a :class:`Transaction` when one begins, says which one is current
(:func:`watch`), and tells how it ended. The recorder adds what is recorded meanwhile.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from otel_audit.errors import AuditNotStored

_log = logging.getLogger("otel_audit")


class Pending(Protocol):
    """One event that waits; each of the two is called at most once, and a second call does nothing."""

    def release(self) -> "Awaited | None":
        """It happened: number it, date it now, send it; returns what ``enforced`` waits for."""

    def fail(self, reason: str) -> None:
        """It did not happen: one ``….failed`` event stands in its place."""


class Awaited(Protocol):
    """The receiver's answer on its way."""

    def wait(self) -> str:
        """The receipt; raises AuditNotStored when it does not come in time."""


class Transaction:
    """The events of one transaction, or of one savepoint inside *outer*. Used by one thread at a time."""

    __slots__ = ("_outer", "_pending", "ended")

    def __init__(self, outer: "Transaction | None" = None) -> None:
        self._outer = outer
        self._pending: list[Pending] = []
        #: Once True, what is added is released at once: nothing is left to wait for.
        self.ended = False

    def add(self, pending: Pending) -> None:
        """Keep *pending* until the end is known."""
        self._pending.append(pending)

    def committed(self) -> None:
        """All of it happened. A savepoint hands its events to the outer transaction.

        Raises AuditNotStored when an ``enforced`` event has no receipt in time; every event has been released by
        then, and the transaction stands.
        """
        pending = self._end()
        if self._outer is not None and not self._outer.ended:
            self._outer._pending.extend(pending)
            return
        awaited = [answer for each in pending if (answer := each.release()) is not None]
        missing: AuditNotStored | None = None
        for answer in awaited:
            try:
                answer.wait()
            except AuditNotStored as error:
                missing = missing or error
        if missing is not None:
            raise missing

    def rolled_back(self, reason: str = "the transaction was rolled back") -> None:
        """None of it happened."""
        for each in self._end():
            each.fail(reason)

    def _end(self) -> list[Pending]:
        self.ended = True
        pending, self._pending = self._pending, []
        return pending


#: Which transaction is current here (thread, task) as each integration sees it; None outside any.
Watcher = Callable[[], Transaction | None]
_watchers: tuple[Watcher, ...] = ()


def watch(current: Watcher) -> None:
    """Ask *current* at every ``record()`` from here on; asking twice changes nothing."""
    global _watchers
    if current not in _watchers:
        _watchers = (*_watchers, current)


def current() -> Transaction | None:
    """The transaction that what is recorded here and now belongs to."""
    for watcher in _watchers:
        try:
            found = watcher()
        except Exception:  # an event that is told too early is better than none
            _log.exception("an integration could not tell the current transaction")
            continue
        if found is not None and not found.ended:
            return found
    return None
