"""SQLAlchemy: what is recorded inside a transaction is told when that transaction has ended, and as it ended.

Sessions and plain connections are followed through SQLAlchemy's events, for all engines at once. A session's
transaction counts where that session was last used: frameworks open it in one context and use it in another. Nothing
tells that a plain connection's COMMIT has succeeded, nor that PostgreSQL answered one with a ROLLBACK; for that the
dialect's ``do_commit`` is followed.
"""

import functools
import re
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, SessionTransaction

from otel_audit import _transaction
from otel_audit._transaction import Transaction

WITHOUT_COMMIT = "the transaction ended without commit"
COMMIT_FAILED = "the commit failed"
COMMIT_UNKNOWN = "the connection was lost during the commit: whether it was committed is unknown"
ABORTED = "the transaction had failed before: the database answered the commit with a rollback"

#: So many sessions and connections used last are remembered in each context.
_USED_MAX = 8
#: Statements that change nothing, where SQLAlchemy cannot tell by itself.
_READS = re.compile(
    r"\s*(?:--.*\n\s*)*(?:select|show|explain|set|values|pragma|begin|savepoint|release)\b", re.IGNORECASE
)
_IN_ERROR = 3  # libpq's PQTRANS_INERROR, in psycopg 2 and 3
_FOLLOWED = "_otel_audit_followed"


class _Open:
    """What is open on one session or connection: its transaction and the savepoints in it, outermost first.

    Holds neither of them, so that it can outlive them.
    """

    def __init__(self) -> None:
        self._transactions: list[tuple[int, Transaction]] = []
        #: Whether anything was written since the outermost began.
        self.wrote = False
        #: Why the COMMIT did not commit, where it was tried.
        self.uncommitted: str | None = None
        #: The transaction whose end is known before it ends, and whether it is a commit.
        self.known: tuple[int, bool] | None = None
        self.closing = False

    def __bool__(self) -> bool:
        return bool(self._transactions)

    @property
    def current(self) -> Transaction | None:
        """What is recorded now belongs to."""
        return self._transactions[-1][1] if self._transactions else None

    def begin(self, key: int) -> None:
        """A transaction, or a savepoint inside it, begins; *key* names it."""
        outer = self.current
        if outer is None:
            self.wrote = self.closing = False
            self.known = self.uncommitted = None
        self._transactions.append((key, Transaction(outer)))

    def knows(self, key: int) -> bool:
        """Whether *key* names one that is open."""
        return any(named == key for named, _ in self._transactions)

    def end(self, key: int | None = None) -> None:
        """The transaction *key*, or the innermost, has ended, as :attr:`known`; if that is not known, by closing."""
        place = next(
            (at for at in reversed(range(len(self._transactions))) if key in (None, self._transactions[at][0])), None
        )
        if place is None:
            return
        ended = self._transactions[place:]
        del self._transactions[place:]
        named, transaction = ended[0]
        known, self.known = self.known, None
        for _, inner in reversed(ended[1:]):
            inner.committed()  # to the outer one, whose end decides
        if self.uncommitted is not None and not place:
            transaction.rolled_back(self.uncommitted)
        elif known is not None and known[0] == named:
            transaction.committed() if known[1] else transaction.rolled_back()
        elif place or not self.wrote:
            transaction.committed()  # nothing was undone; a savepoint's events go the way of the outer transaction
        else:
            transaction.rolled_back(WITHOUT_COMMIT)

    def thrown_away(self) -> None:
        """Session or connection went without a word: as if it had been closed."""
        if self._transactions:
            self.end(self._transactions[0][0])


#: The sessions' and the plain connections' open transactions.
_sessions: weakref.WeakKeyDictionary[Session, _Open] = weakref.WeakKeyDictionary()
_connections: weakref.WeakKeyDictionary[Connection, _Open] = weakref.WeakKeyDictionary()
#: Which session a connection works for.
_owners: weakref.WeakKeyDictionary[Connection, weakref.ref[Session]] = weakref.WeakKeyDictionary()
#: By the connection of the pool, which is all that the dialect sees.
_committing: weakref.WeakKeyDictionary[Any, _Open] = weakref.WeakKeyDictionary()
_used: ContextVar[tuple[weakref.ref[Any], ...]] = ContextVar("otel_audit_sqlalchemy_used", default=())


def install() -> None:
    """Let ``record()`` inside a transaction of SQLAlchemy tell how that ends. Twice is once."""
    for target, name, listener in _LISTENERS:
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)
    _transaction.watch(_current)


def _current() -> Transaction | None:
    """The transaction of whatever was used last in this context and is still open."""
    for reference in _used.get():
        used = reference()
        opened = None if used is None else _sessions.get(used) if isinstance(used, Session) else _connections.get(used)
        if not opened:
            continue
        if isinstance(used, Session) and (used.new or used.dirty or used.deleted):
            opened.wrote = True
        return opened.current
    return None


def _use(used: Session | Connection) -> None:
    """*used* was used here and now."""
    before = _used.get()
    if before and before[0]() is used:
        return
    others = tuple(each for each in before if each() not in (None, used))
    _used.set((weakref.ref(used), *others[: _USED_MAX - 1]))


def _opened(known: Any, of: Any) -> _Open:
    opened: _Open | None = known.get(of)
    if opened is None:
        opened = known[of] = _Open()
        # What the interpreter throws away when it ends says nothing: its events stay pending.
        weakref.finalize(of, opened.thrown_away).atexit = False
    return opened


# -- sessions --------------------------------------------------------------------------------------------------


def _after_transaction_create(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None or transaction.nested:
        _opened(_sessions, session).begin(id(transaction))
    _use(session)


def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    # The last thing SQLAlchemy does: what is raised here leaves a session that is as good as new.
    opened = _sessions.get(session)
    if opened is not None and opened.knows(id(transaction)):
        opened.end(id(transaction))


def _after_commit(session: Session) -> None:
    _know(session, committed=True)


def _after_rollback(session: Session) -> None:
    _know(session, committed=False)


def _know(session: Session, *, committed: bool) -> None:
    opened = _sessions.get(session)
    ending = session.get_nested_transaction() or session.get_transaction()
    if opened is not None and ending is not None:
        opened.known = (id(ending), committed)


def _after_begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    _owners[connection] = weakref.ref(session)
    _connections.pop(connection, None)
    _committing[connection.connection] = _opened(_sessions, session)
    _use(session)


def _do_orm_execute(state: Any) -> None:
    _use(state.session)


def _transient_to_pending(session: Session, instance: object) -> None:
    _opened(_sessions, session).wrote = True
    _use(session)


# -- connections -----------------------------------------------------------------------------------------------


def _begin(connection: Connection, *_: Any) -> None:
    opened = _opened(_connections, connection)
    opened.begin(id(opened))
    _committing[connection.connection] = opened
    _follow_commit(connection.dialect)
    _follow_close(connection, opened)
    _use(connection)


def _rollback(connection: Connection, *_: Any) -> None:
    opened = _connections.get(connection)
    if opened:
        opened.known = None if opened.closing else (id(opened), False)
        opened.end(id(opened))


def _savepoint(connection: Connection, name: str) -> None:
    opened = _connections.get(connection)
    if opened:
        opened.begin(0)


def _release_savepoint(connection: Connection, name: str, context: None) -> None:
    _end_savepoint(connection, committed=True)


def _rollback_savepoint(connection: Connection, name: str, context: None) -> None:
    _end_savepoint(connection, committed=False)


def _end_savepoint(connection: Connection, *, committed: bool) -> None:
    opened = _connections.get(connection)
    if opened:
        opened.known = (0, committed)
        opened.end(0)


def _after_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    owner = _owners.get(connection)
    session = None if owner is None else owner()
    opened = _connections.get(connection) if session is None else _sessions.get(session)
    if not opened:
        return
    if not opened.wrote:
        changes = context is not None and (context.isinsert or context.isupdate or context.isdelete)
        opened.wrote = changes or _READS.match(statement) is None
    _use(connection if session is None else session)


def _follow_commit(dialect: Any) -> None:
    """Once for each engine; instances only, no class is patched."""
    if getattr(dialect, _FOLLOWED, False):
        return
    setattr(dialect, _FOLLOWED, True)
    do_commit, do_commit_twophase = dialect.do_commit, dialect.do_commit_twophase

    @functools.wraps(do_commit)
    def commit(connection: Any) -> None:
        opened = _committing.get(connection)
        if opened is None:
            do_commit(connection)
            return
        if _in_error(connection):
            opened.uncommitted = ABORTED
        try:
            do_commit(connection)
        except Exception:
            opened.uncommitted = COMMIT_UNKNOWN if _is_lost(connection) else COMMIT_FAILED
            _end_plain(opened, committed=False)
            raise
        _end_plain(opened, committed=True)

    @functools.wraps(do_commit_twophase)
    def commit_twophase(connection: Connection, *args: Any, **kwargs: Any) -> None:
        do_commit_twophase(connection, *args, **kwargs)
        opened = _connections.get(connection)
        if opened is not None:
            _end_plain(opened, committed=True)

    dialect.do_commit, dialect.do_commit_twophase = commit, commit_twophase


def _end_plain(opened: _Open, *, committed: bool) -> None:
    """The COMMIT is over; a session tells of its own, once all its connections have committed."""
    if opened.knows(id(opened)):
        opened.known = (id(opened), committed)
        opened.end(id(opened))


def _follow_close(connection: Connection, opened: _Open) -> None:
    """SQLAlchemy rolls back when a connection is closed, but where nothing was written nothing is undone."""
    if "close" in connection.__dict__:
        return
    reference = weakref.ref(connection)

    @functools.wraps(Connection.close)
    def close() -> None:
        opened.closing = True
        closing = reference()
        if closing is not None:
            type(closing).close(closing)

    connection.__dict__["close"] = close


def _in_error(connection: Any) -> bool:
    """Whether PostgreSQL would answer a COMMIT with a ROLLBACK, which no driver calls an error."""
    info = getattr(getattr(connection, "dbapi_connection", None), "info", None)
    return getattr(info, "transaction_status", None) == _IN_ERROR


def _is_lost(connection: Any) -> bool:
    """Whether the database is no longer there to say how the COMMIT ended."""
    return bool(getattr(getattr(connection, "dbapi_connection", None), "closed", False))


_LISTENERS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (Session, "after_transaction_create", _after_transaction_create),
    (Session, "after_transaction_end", _after_transaction_end),
    (Session, "after_commit", _after_commit),
    (Session, "after_rollback", _after_rollback),
    (Session, "after_begin", _after_begin),
    (Session, "do_orm_execute", _do_orm_execute),
    (Session, "transient_to_pending", _transient_to_pending),
    (Engine, "begin", _begin),
    (Engine, "begin_twophase", _begin),
    (Engine, "rollback", _rollback),
    (Engine, "rollback_twophase", _rollback),
    (Engine, "savepoint", _savepoint),
    (Engine, "release_savepoint", _release_savepoint),
    (Engine, "rollback_savepoint", _rollback_savepoint),
    (Engine, "after_cursor_execute", _after_cursor_execute),
)
