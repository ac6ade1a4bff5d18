"""The ends that no event of SQLAlchemy tells: whether a COMMIT succeeded, and what closing undoes."""

import functools
import weakref
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from otel_audit.integrations.sqlalchemy.known import committing, connections, has_unflushed, session_of
from otel_audit.integrations.sqlalchemy.opened import Opened

COMMIT_FAILED = "the commit failed"
COMMIT_UNKNOWN = "the connection was lost during the commit: whether it was committed is unknown"
SECOND_PHASE_FAILED = "the second phase of the commit failed: what was prepared may still be committed"
ABORTED = "the transaction had failed before: the database answered the commit with a rollback"

_IN_ERROR = 3  # libpq's PQTRANS_INERROR, in psycopg 2 and 3
_FOLLOWED = "_otel_audit_followed"


def follow_commit(dialect: Any) -> None:
    """Once for each engine; instances only, no class is patched."""
    if getattr(dialect, _FOLLOWED, False):
        return
    setattr(dialect, _FOLLOWED, True)
    do_commit, do_commit_twophase = dialect.do_commit, dialect.do_commit_twophase

    @functools.wraps(do_commit)
    def commit(connection: Any) -> None:
        opened = committing.get(connection)
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
            end_plain(opened, committed=False)
            raise
        end_plain(opened, committed=True)

    @functools.wraps(do_commit_twophase)
    def commit_twophase(connection: Connection, *args: Any, **kwargs: Any) -> None:
        opened = session_of(connection) or connections.get(connection)
        try:
            do_commit_twophase(connection, *args, **kwargs)
        except BaseException:
            if opened is not None:
                opened.uncommitted = SECOND_PHASE_FAILED
                end_plain(opened, committed=False)
            raise
        if opened is not None:
            end_plain(opened, committed=True)

    dialect.do_commit, dialect.do_commit_twophase = commit, commit_twophase


def end_plain(opened: Opened, *, committed: bool) -> None:
    """The COMMIT is over; a session tells of its own, once all its connections have committed."""
    if opened.knows(id(opened)):
        opened.known = (id(opened), committed)
        opened.end(id(opened))


def follow_close(closed: Session | Connection, opened: Opened, *names: str) -> None:
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
                opened.wrote = opened.wrote or has_unflushed(closing)
            return getattr(type(closing), name)(closing, *args, **kwargs)

        return close

    for name in names:
        if hasattr(closed, name):  # reset() came with 2.0.22
            closed.__dict__[name] = followed(name)


def _in_error(connection: Any) -> bool:
    """Whether PostgreSQL would answer a COMMIT with a ROLLBACK, which no driver calls an error."""
    info = getattr(getattr(connection, "dbapi_connection", None), "info", None)
    return getattr(info, "transaction_status", None) == _IN_ERROR


def _is_lost(connection: Any) -> bool:
    """Whether the database is no longer there to say how the COMMIT ended."""
    return bool(getattr(getattr(connection, "dbapi_connection", None), "closed", False))
