"""SQLAlchemy: what is recorded inside a transaction is told when that transaction has ended, and as it ended.

Sessions and plain connections are followed through SQLAlchemy's events, for all engines at once. A session's
transaction counts where that session was last used: frameworks open it in one context and use it in another. Nothing
tells that a plain connection's COMMIT has succeeded, nor that PostgreSQL answered one with a ROLLBACK; for that the
dialect's ``do_commit`` is followed. A session on a connection that is in a transaction already is a part of that one,
whose end decides.
"""

import re
import weakref
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, SessionTransaction

from otel_audit import _transaction
from otel_audit.integrations.sqlalchemy.ending import follow_close, follow_commit
from otel_audit.integrations.sqlalchemy.known import (
    committing,
    connections,
    current,
    opened_on,
    owners,
    session_of,
    sessions,
    use,
)
from otel_audit.integrations.sqlalchemy.opened import ROLLED_BACK, UNNAMED
from otel_audit.integrations.sqlalchemy.statement import changes

_SAVEPOINT = re.compile(r"SAVEPOINT (\S+)$")


def install() -> None:
    """Let ``record()`` inside a transaction of SQLAlchemy tell how that ends. Twice is once."""
    for target, name, listener in _LISTENERS:
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)
    _transaction.watch(current)


# -- sessions --------------------------------------------------------------------------------------------------


def _after_transaction_create(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None or transaction.nested:
        opened = opened_on(sessions, session)
        opened.begin(id(transaction))
        follow_close(session, opened, "close", "reset", "invalidate")
    use(session)


def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    # The last thing SQLAlchemy does: what is raised here leaves a session that is as good as new.
    opened = sessions.get(session)
    if opened is not None and opened.knows(id(transaction)):
        opened.end(id(transaction))


def _after_commit(session: Session) -> None:
    _know(session, committed=True)


def _after_rollback(session: Session) -> None:
    _know(session, committed=False)


def _know(session: Session, *, committed: bool) -> None:
    opened = sessions.get(session)
    ending = session.get_nested_transaction() or session.get_transaction()
    if opened is not None and ending is not None:
        opened.known = (id(ending), committed)


def _after_begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    use(session)
    if transaction.parent is not None:
        return
    owners[connection] = weakref.ref(session)
    opened, plain = opened_on(sessions, session), connections.get(connection)
    if plain and plain.since < opened.since and opened.outermost is not None:
        opened.outermost.join(plain.current)
        return
    if plain is not None:
        plain.forget()  # it is the session that began it
    committing[connection.connection] = opened


def _do_orm_execute(state: Any) -> None:
    use(state.session)


def _after_attach(session: Session, instance: object) -> None:
    use(session)


def _transient_to_pending(session: Session, instance: object) -> None:
    opened_on(sessions, session).wrote = True
    use(session)


# -- connections -----------------------------------------------------------------------------------------------


def _begin(connection: Connection, *_: Any) -> None:
    follow_commit(connection.dialect)
    if is_autocommit(connection):
        return  # every statement stands by itself: there is nothing to wait for
    opened = opened_on(connections, connection)
    opened.begin(id(opened))
    committing[connection.connection] = opened
    follow_close(connection, opened, "close")
    use(connection)


def _rollback(connection: Connection, *_: Any) -> None:
    session = session_of(connection)
    if session is not None and not session.closing:
        # It may fail, and then the session says nothing.
        session.uncommitted = session.uncommitted or ROLLED_BACK
    opened = connections.get(connection)
    if opened:
        opened.known = None if opened.closing else (id(opened), False)
        opened.end(id(opened))


def _savepoint(connection: Connection, name: str) -> None:
    opened = connections.get(connection)
    if opened:
        opened.begin(name or UNNAMED)


def _release_savepoint(connection: Connection, name: str, context: None) -> None:
    _end_savepoint(connection, name, committed=True)


def _rollback_savepoint(connection: Connection, name: str, context: None) -> None:
    _end_savepoint(connection, name, committed=False)


def _end_savepoint(connection: Connection, name: str, *, committed: bool) -> None:
    opened = connections.get(connection)
    if opened:
        name = name if opened.knows(name) else UNNAMED
        opened.known = (name, committed)
        opened.end(name)


def _after_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    savepoint = _SAVEPOINT.match(statement)
    owner, session, plain = owners.get(connection), session_of(connection), connections.get(connection)
    for opened in (session, plain):
        if opened and not (opened.wrote and opened.stands) and changes(statement, context):
            opened.wrote = True
            opened.stands = opened.stands or is_autocommit(connection)
    if savepoint is not None and plain:
        plain.call(savepoint[1])
    used = owner() if session and owner is not None else connection if plain else None
    if used is not None:
        use(used)


def is_autocommit(connection: Connection) -> bool:
    """As SQLAlchemy finds out for itself; asking the database would be a statement more."""
    level = connection.get_execution_options().get("isolation_level")
    if level is None:
        level = getattr(connection.dialect, "_on_connect_isolation_level", None)
    return bool(level == "AUTOCOMMIT")


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
