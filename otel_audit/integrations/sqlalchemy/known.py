"""Which sessions and connections have something open, and which of them was used last, here and now."""

import weakref
from contextvars import ContextVar
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from otel_audit._transaction import Transaction
from otel_audit.integrations.sqlalchemy.opened import Opened

#: So many sessions and connections used last are remembered in each context.
_USED_MAX = 8

#: The sessions' and the plain connections' open transactions.
sessions: weakref.WeakKeyDictionary[Session, Opened] = weakref.WeakKeyDictionary()
connections: weakref.WeakKeyDictionary[Connection, Opened] = weakref.WeakKeyDictionary()
#: Which session a connection works for.
owners: weakref.WeakKeyDictionary[Connection, weakref.ref[Session]] = weakref.WeakKeyDictionary()
#: By the connection of the pool, which is all that the dialect sees.
committing: weakref.WeakKeyDictionary[Any, Opened] = weakref.WeakKeyDictionary()
_used: ContextVar[tuple[weakref.ref[Any], ...]] = ContextVar("otel_audit_sqlalchemy_used", default=())


def current() -> Transaction | None:
    """The transaction of whatever was used last in this context and is still open."""
    for reference in _used.get():
        used = reference()
        opened = None if used is None else sessions.get(used) if isinstance(used, Session) else connections.get(used)
        if not opened:
            continue
        if isinstance(used, Session) and has_unflushed(used):
            opened.wrote = True
        return opened.current
    return None


def use(used: Session | Connection) -> None:
    """*used* was used here and now."""
    before = _used.get()
    if before and before[0]() is used:
        return
    others = tuple(each for each in before if each() not in (None, used))
    _used.set((weakref.ref(used), *others[: _USED_MAX - 1]))


def opened_on(known: Any, of: Any) -> Opened:
    opened: Opened | None = known.get(of)
    if opened is None:
        opened = known[of] = Opened()
        # What the interpreter throws away when it ends says nothing: its events stay pending.
        weakref.finalize(of, opened.thrown_away).atexit = False
    return opened


def session_of(connection: Connection) -> Opened | None:
    """What is open on the session that *connection* works for now."""
    owner = owners.get(connection)
    session = None if owner is None else owner()
    return (sessions.get(session) or None) if session is not None else None


def has_unflushed(session: Session) -> bool:
    return bool(session.new or session.dirty or session.deleted)
