"""Django: what is recorded inside a transaction is told when that transaction has ended, and as it ended.

While a transaction holds events, the five methods of its connection that can end it or a part of it are followed, on
that one connection object alone, and left as they were afterwards. ``on_commit()`` by itself does not tell the truth:
it says nothing of a rollback, drops what comes after a callback that raises, knows neither manual transactions nor
manual savepoints, and is called where PostgreSQL answers a COMMIT with a rollback.
"""

import re
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

from otel_audit import _transaction
from otel_audit._transaction import Transaction
from otel_audit.integrations.django.held import CONNECTION_LOST, Doomed, Held, Several

_FOLLOWED = ("commit", "rollback", "savepoint_rollback", "set_autocommit", "close")
_OPEN = "_otel_audit_open"  # where a connection keeps its _Open
_SAVEPOINT = re.compile(r"_x(\d+)$")  # Django numbers the savepoints of a connection
_IN_ERROR = 3  # libpq's PQTRANS_INERROR, in psycopg 2 and 3

COMMIT_FAILED = "the commit failed"
COMMIT_UNKNOWN = "the connection was lost during the commit: whether it was committed is unknown"
ABORTED = "the transaction had failed before: the database answered the commit with a rollback"


def install() -> None:
    """Let ``record()`` inside a Django transaction tell how that ends. Twice is once; settings may come later."""
    _transaction.watch(_watcher())


@cache
def _watcher() -> _transaction.Watcher:
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    def current() -> Transaction | None:
        if not settings.configured:
            return None  # reading them would load them
        try:
            opened = connections.all(initialized_only=True)
        except ImproperlyConfigured:  # without a usable DATABASES there is no transaction either
            return None
        parts = [part for connection in opened if (part := _part(connection)) is not None]
        return parts[0] if len(parts) == 1 else Several(parts) if parts else None

    return current


def _part(connection: Any) -> Transaction | None:
    """What an event recorded now waits for on *connection*; None outside a transaction. Never connects."""
    driver = connection.connection
    opened: _Open | None = connection.__dict__.get(_OPEN)
    if opened is not None and not opened.same(driver):
        opened.lost()
        opened = None
    if driver is None or not (connection.in_atomic_block or not connection.autocommit):
        return None
    if connection.closed_in_transaction:  # Django opens no other before the block ends: nothing in it can happen
        return Doomed()
    return (opened or _Open(connection)).part()


class _Open:
    """A transaction that holds events: follows what its connection does until it ends."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._driver = connection.connection
        self._held = Held()
        self._committing = False
        self._followed: dict[str, Callable[..., Any]] = {}
        self._before: dict[str, Any] = {}
        for name in _FOLLOWED:
            self._followed[name] = getattr(connection, name)
            if name in connection.__dict__:
                self._before[name] = connection.__dict__[name]
            setattr(connection, name, getattr(self, name))
        connection.__dict__[_OPEN] = self
        # A thread may end inside a transaction; its connection is thrown away and the database rolls back. What the
        # interpreter throws away when it ends says nothing: its events stay pending.
        self._thrown_away = weakref.finalize(connection, self._held.thrown_away)
        self._thrown_away.atexit = False

    def same(self, driver: object) -> bool:
        """Whether it is still this process's transaction, on the driver's connection it began on."""
        return driver is self._driver and self._held.ours()

    def part(self) -> Transaction:
        """The events recorded since the latest savepoint."""
        connection = self._connection
        part, told = self._held.part(connection.savepoint_state)
        if told is not None and connection.in_atomic_block:
            # After a real commit it finds nothing left to do; it is for tests inside TestCase, where nothing is ever
            # committed and captureOnCommitCallbacks(execute=True) stands for the commit.
            connection.on_commit(told)
        return part

    def lost(self) -> None:
        """The driver's connection is no longer the one the transaction began on, or the process a fork's child."""
        self._leave()
        self._held.rolled_back(CONNECTION_LOST)

    # What is followed. Each first does what it always did; what it raises comes out unchanged.

    def commit(self, *args: Any, **kwargs: Any) -> Any:
        tried, aborted = not self._connection.in_atomic_block, _aborted(self._connection)
        try:
            done = self._followed["commit"](*args, **kwargs)
        except BaseException:
            self._committing = self._committing or tried  # a rollback or the connection's end follows
            raise
        self._ended(committed=not aborted, reason=ABORTED)
        return done

    def rollback(self, *args: Any, **kwargs: Any) -> Any:
        done = self._followed["rollback"](*args, **kwargs)
        self._ended(committed=False, reason=COMMIT_FAILED if self._committing else None)
        return done

    def savepoint_rollback(self, sid: str | None, *args: Any, **kwargs: Any) -> Any:
        done = self._followed["savepoint_rollback"](sid, *args, **kwargs)
        number = _SAVEPOINT.search(sid or "")
        if number is not None:
            self._held.rolled_back_to(int(number[1]))
        return done

    def set_autocommit(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._followed["set_autocommit"](*args, **kwargs)
        finally:
            # Turning autocommit on commits what was open, on every database that allows it then.
            if self._connection.autocommit:
                self._ended(committed=self.same(self._connection.connection), reason=CONNECTION_LOST)

    def close(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._followed["close"](*args, **kwargs)
        finally:
            connection = self._connection
            if connection.connection is None or connection.closed_in_transaction:  # SQLite in memory stays open
                self._ended(committed=False, reason=COMMIT_UNKNOWN if self._committing else CONNECTION_LOST)

    def _ended(self, *, committed: bool, reason: str | None) -> None:
        self._leave()
        if committed:
            self._held.committed()
        else:
            self._held.rolled_back(reason)

    def _leave(self) -> None:
        """Follow no more: the connection's methods are what they were."""
        self._thrown_away.detach()
        mine = self._connection.__dict__
        if mine.get(_OPEN) is self:
            del mine[_OPEN]
        for name in _FOLLOWED:
            if mine.get(name) != getattr(self, name):
                continue  # another has put itself in front since: it still calls ours, which then does nothing more
            if name in self._before:
                mine[name] = self._before[name]
            else:
                del mine[name]


def _aborted(connection: Any) -> bool:
    """PostgreSQL answers the COMMIT of a transaction in error with ROLLBACK, and no driver calls that an error."""
    if connection.vendor != "postgresql":
        return False
    info = getattr(connection.connection, "info", None)
    return getattr(info, "transaction_status", None) == _IN_ERROR
