"""SQL text and statements within statements that change audited tables: nobody can tell their rows one by one."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.engine import Connection, Engine

from otel_audit.integrations.audited import Verb
from otel_audit.integrations.sql import WHY, changes_in
from otel_audit.integrations.sqlalchemy.bulk import is_watched
from otel_audit.integrations.sqlalchemy.models import Rows, tables
from otel_audit.integrations.sqlalchemy.under_way import UnderWay

#: What each connection's statement of text is about to change.
_changing: UnderWay[list[tuple[Rows, Verb]]] = UnderWay()


def _before_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    audited = tables()
    if not audited or not _may_hide(context):
        return
    by_name = {rows.table.name.lower(): rows for rows in audited.values()}
    changes = [(by_name[name], verb) for verb, name in changes_in(statement) if name in by_name]
    if context is not None and is_watched(connection, context.invoked_statement):
        changes = changes[:-1]  # the statement itself, which stands behind what it begins with
    for rows, verb in changes:
        rows.bulk.refuse(rows.models[0].audited, verb, WHY)
    if changes:
        _changing.begin(connection, cursor, changes)


def _after_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    changes = _changing.end(connection, cursor) or []
    for rows, verb in changes:
        touched = cursor.rowcount if len(changes) == 1 else -1
        if touched:
            rows.bulk.tell(rows.models[0].audited, verb, WHY, None if touched < 0 else touched)


def _may_hide(context: Any) -> bool:
    """Whether a statement may change what SQLAlchemy does not know of: text, and what stands in its WITH."""
    compiled = None if context is None else context.compiled
    return compiled is None or isinstance(compiled.statement, TextClause) or bool(getattr(compiled, "ctes", None))


LISTENERS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (Engine, "before_cursor_execute", _before_cursor_execute),
    (Engine, "after_cursor_execute", _after_cursor_execute),
)
