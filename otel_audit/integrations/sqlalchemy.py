"""SQLAlchemy: what is recorded inside a transaction is told when that transaction has ended, and as it ended.

Sessions and plain connections are followed through SQLAlchemy's events, for all engines at once. A session's
transaction counts where that session was last used: frameworks open it in one context and use it in another. Nothing
tells that a plain connection's COMMIT has succeeded, nor that PostgreSQL answered one with a ROLLBACK; for that the
dialect's ``do_commit`` is followed. A session on a connection that is in a transaction already is a part of that one,
whose end decides.
"""

import functools
import itertools
import logging
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

_log = logging.getLogger("otel_audit")

ROLLED_BACK = "the transaction was rolled back"
WITHOUT_COMMIT = "the transaction ended without commit"
COMMIT_FAILED = "the commit failed"
COMMIT_UNKNOWN = "the connection was lost during the commit: whether it was committed is unknown"
SECOND_PHASE_FAILED = "the second phase of the commit failed: what was prepared may still be committed"
ABORTED = "the transaction had failed before: the database answered the commit with a rollback"

#: So many sessions and connections used last are remembered in each context.
_USED_MAX = 8
#: Statements that change nothing, where SQLAlchemy cannot tell by itself.
_LEADING = r"(?:[\s(]|--.*(?:\n|$)|/\*[\s\S]*?\*/)*"
_READS = re.compile(
    _LEADING + r"(?:select|show|set|values|table|fetch|pragma|begin|savepoint|release)\b", re.IGNORECASE
)
#: They do what the statements in them do; a row that is locked FOR UPDATE is only read.
_WRAPS = re.compile(_LEADING + r"(?:with|explain)\b", re.IGNORECASE)
_CHANGES = re.compile(r"\b(?:insert|(?<!for )(?<!key )update|delete|merge|create|call|execute)\b", re.IGNORECASE)
_SAVEPOINT = re.compile(r"SAVEPOINT (\S+)$")
_IN_ERROR = 3  # libpq's PQTRANS_INERROR, in psycopg 2 and 3
_FOLLOWED = "_otel_audit_followed"


class _Part(Transaction):
    """A transaction or savepoint that may turn out to be inside another one, and to outlast it."""

    __slots__ = ("undone",)

    def __init__(self, outer: Transaction | None = None) -> None:
        super().__init__(outer)
        self.undone = False

    def join(self, outer: Transaction | None) -> None:
        """From here on it is inside *outer*."""
        self._outer = outer

    def committed(self) -> None:
        """See :meth:`Transaction.committed`. An outer one that has ended already has decided."""
        while isinstance(self._outer, _Part) and self._outer.ended:
            if self._outer.undone:
                self.rolled_back()
                return
            self._outer = self._outer._outer
        super().committed()

    def rolled_back(self, reason: str = ROLLED_BACK) -> None:
        """See :meth:`Transaction.rolled_back`."""
        self.undone = True
        super().rolled_back(reason)


#: A savepoint's key until its statement tells its name: the event comes before SQLAlchemy has made one.
_UNNAMED = ""
#: In which order transactions began, on whatever.
_order = itertools.count()


class _Open:
    """What is open on one session or connection: its transaction and the savepoints in it, outermost first.

    Holds neither of them, so that it can outlive them.
    """

    def __init__(self) -> None:
        self._transactions: list[tuple[int | str, _Part]] = []
        self.since = 0
        #: Whether anything was written since the outermost began.
        self.wrote = False
        #: Whether some of that was written in autocommit: no rollback undoes it.
        self.stands = False
        #: Why the COMMIT did not commit, where it was tried.
        self.uncommitted: str | None = None
        #: The transaction whose end is known before it ends, and whether it is a commit.
        self.known: tuple[int | str, bool] | None = None
        self.closing = False

    def __bool__(self) -> bool:
        return bool(self._transactions)

    @property
    def current(self) -> _Part | None:
        """What is recorded now belongs to."""
        return self._transactions[-1][1] if self._transactions else None

    @property
    def outermost(self) -> _Part | None:
        """The transaction itself."""
        return self._transactions[0][1] if self._transactions else None

    def begin(self, key: int | str) -> None:
        """A transaction, or a savepoint inside it, begins; *key* names it."""
        outer = self.current
        if outer is None:
            self.since = next(_order)
            self.wrote = self.stands = self.closing = False
            self.known = self.uncommitted = None
        self._transactions.append((key, _Part(outer)))

    def call(self, name: str) -> None:
        """The innermost, a savepoint that had no name yet, is *name*."""
        if self._transactions and self._transactions[-1][0] == _UNNAMED:
            self._transactions[-1] = (name, self._transactions[-1][1])

    def forget(self) -> None:
        """It is told of elsewhere."""
        self._transactions.clear()

    def knows(self, key: int | str) -> bool:
        """Whether *key* names one that is open."""
        return any(named == key for named, _ in self._transactions)

    def end(self, key: int | str) -> None:
        """The transaction *key* has ended, as :attr:`known`; if that is not known, by closing."""
        place = next((at for at in reversed(range(len(self._transactions))) if key == self._transactions[at][0]), None)
        if place is None:
            return
        ended = self._transactions[place:]
        del self._transactions[place:]
        named, transaction = ended[0]
        known, self.known = self.known, None
        for _, inner in reversed(ended[1:]):
            inner.committed()  # to the outer one, whose end decides
        if self.stands:
            transaction.committed()
        elif self.uncommitted is not None and not place:
            transaction.rolled_back(self.uncommitted)
        elif known is not None and known[0] == named:
            transaction.committed() if known[1] else transaction.rolled_back()
        elif place or not self.wrote:
            transaction.committed()  # nothing was undone; a savepoint's events go the way of the outer transaction
        else:
            transaction.rolled_back(WITHOUT_COMMIT)

    def thrown_away(self) -> None:
        """Session or connection went without a word: as if closed. Nobody hears what is raised in here."""
        try:
            if self._transactions:
                self.end(self._transactions[0][0])
        except Exception:
            _log.exception("events of a transaction thrown away could not be told")


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
        if isinstance(used, Session) and _has_unflushed(used):
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
        opened = _opened(_sessions, session)
        opened.begin(id(transaction))
        _follow_close(session, opened, "close", "reset", "invalidate")
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
    _use(session)
    if transaction.parent is not None:
        return
    _owners[connection] = weakref.ref(session)
    opened, plain = _opened(_sessions, session), _connections.get(connection)
    if plain and plain.since < opened.since and opened.outermost is not None:
        opened.outermost.join(plain.current)
        return
    if plain is not None:
        plain.forget()  # it is the session that began it
    _committing[connection.connection] = opened


def _do_orm_execute(state: Any) -> None:
    _use(state.session)


def _after_attach(session: Session, instance: object) -> None:
    _use(session)


def _transient_to_pending(session: Session, instance: object) -> None:
    _opened(_sessions, session).wrote = True
    _use(session)


# -- connections -----------------------------------------------------------------------------------------------


def _begin(connection: Connection, *_: Any) -> None:
    _follow_commit(connection.dialect)
    if _is_autocommit(connection):
        return  # every statement stands by itself: there is nothing to wait for
    opened = _opened(_connections, connection)
    opened.begin(id(opened))
    _committing[connection.connection] = opened
    _follow_close(connection, opened, "close")
    _use(connection)


def _rollback(connection: Connection, *_: Any) -> None:
    session = _session_of(connection)
    if session is not None and not session.closing:
        # It may fail, and then the session says nothing.
        session.uncommitted = session.uncommitted or ROLLED_BACK
    opened = _connections.get(connection)
    if opened:
        opened.known = None if opened.closing else (id(opened), False)
        opened.end(id(opened))


def _savepoint(connection: Connection, name: str) -> None:
    opened = _connections.get(connection)
    if opened:
        opened.begin(name or _UNNAMED)


def _release_savepoint(connection: Connection, name: str, context: None) -> None:
    _end_savepoint(connection, name, committed=True)


def _rollback_savepoint(connection: Connection, name: str, context: None) -> None:
    _end_savepoint(connection, name, committed=False)


def _end_savepoint(connection: Connection, name: str, *, committed: bool) -> None:
    opened = _connections.get(connection)
    if opened:
        name = name if opened.knows(name) else _UNNAMED
        opened.known = (name, committed)
        opened.end(name)


def _after_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    savepoint = _SAVEPOINT.match(statement)
    owner, session, plain = _owners.get(connection), _session_of(connection), _connections.get(connection)
    for opened in (session, plain):
        if opened and not (opened.wrote and opened.stands) and _changes(statement, context):
            opened.wrote = True
            opened.stands = opened.stands or _is_autocommit(connection)
    if savepoint is not None and plain:
        plain.call(savepoint[1])
    used = owner() if session and owner is not None else connection if plain else None
    if used is not None:
        _use(used)


def _session_of(connection: Connection) -> _Open | None:
    """What is open on the session that *connection* works for now."""
    owner = _owners.get(connection)
    session = None if owner is None else owner()
    return (_sessions.get(session) or None) if session is not None else None


def _changes(statement: str, context: Any) -> bool:
    if context is not None and (context.isinsert or context.isupdate or context.isdelete):
        return True
    if _WRAPS.match(statement):
        return _CHANGES.search(statement) is not None
    return _READS.match(statement) is None


def _is_autocommit(connection: Connection) -> bool:
    """As SQLAlchemy finds out for itself; asking the database would be a statement more."""
    level = connection.get_execution_options().get("isolation_level")
    if level is None:
        level = getattr(connection.dialect, "_on_connect_isolation_level", None)
    return bool(level == "AUTOCOMMIT")


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
        except BaseException as error:
            # A cancelled task has not heard the answer either.
            unknown = _is_lost(connection) or not isinstance(error, Exception)
            opened.uncommitted = COMMIT_UNKNOWN if unknown else COMMIT_FAILED
            _end_plain(opened, committed=False)
            raise
        _end_plain(opened, committed=True)

    @functools.wraps(do_commit_twophase)
    def commit_twophase(connection: Connection, *args: Any, **kwargs: Any) -> None:
        opened = _session_of(connection) or _connections.get(connection)
        try:
            do_commit_twophase(connection, *args, **kwargs)
        except BaseException:
            if opened is not None:
                opened.uncommitted = SECOND_PHASE_FAILED
                _end_plain(opened, committed=False)
            raise
        if opened is not None:
            _end_plain(opened, committed=True)

    dialect.do_commit, dialect.do_commit_twophase = commit, commit_twophase


def _end_plain(opened: _Open, *, committed: bool) -> None:
    """The COMMIT is over; a session tells of its own, once all its connections have committed."""
    if opened.knows(id(opened)):
        opened.known = (id(opened), committed)
        opened.end(id(opened))


def _follow_close(closed: Session | Connection, opened: _Open, *names: str) -> None:
    """SQLAlchemy rolls back when one is closed, but where nothing was written nothing is undone.

    A session has let go of all that it had not flushed by the time its first event comes.
    """
    if names[0] in closed.__dict__:
        return
    reference = weakref.ref(closed)

    def followed(name: str) -> Callable[..., Any]:
        @functools.wraps(getattr(type(closed), name))
        def close(*args: Any, **kwargs: Any) -> Any:
            closing = reference()
            if closing is None:
                return None
            opened.closing = True
            if isinstance(closing, Session):
                opened.wrote = opened.wrote or _has_unflushed(closing)
            return getattr(type(closing), name)(closing, *args, **kwargs)

        return close

    for name in names:
        if hasattr(closed, name):  # reset() came with 2.0.22
            closed.__dict__[name] = followed(name)


def _has_unflushed(session: Session) -> bool:
    return bool(session.new or session.dirty or session.deleted)


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
    (Session, "after_attach", _after_attach),
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
