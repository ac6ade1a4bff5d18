"""SQL text and statements within statements that change audited tables: nobody can tell their rows one by one."""

import re
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.engine import Connection, Engine

from otel_audit.integrations.audited import Verb
from otel_audit.integrations.sqlalchemy.bulk import is_watched
from otel_audit.integrations.sqlalchemy.models import Rows, tables

_VERBS: dict[str, Verb] = {"insert": "create", "replace": "create", "delete": "delete", "truncate": "delete"}
_QUOTES = "\"'`[]"
#: A verb and the table after it; comments and literals are taken out before.
_CHANGE = re.compile(
    r"\b(insert(?:\s+or\s+\w+)?\s+into|replace\s+into|update(?:\s+or\s+\w+)?|delete\s+from|truncate(?:\s+table)?"
    r"|merge\s+into|copy)\s+(?:only\s+)?((?:[\w\"`\[\]]+\s*\.\s*)*[\w\"`\[\]]+)",
    re.IGNORECASE,
)
_NO_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)

#: What each connection's statement of text is about to change.
_changing: weakref.WeakKeyDictionary[Connection, list[tuple[Rows, Verb]]] = weakref.WeakKeyDictionary()
_WHY = "it is SQL text, or stands within another statement"


def _before_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    _changing.pop(connection, None)
    audited = tables()
    if not audited or not _may_hide(context):
        return
    by_name = {rows.table.name.lower(): rows for rows in audited.values()}
    changes = [(by_name[name], verb) for verb, name in changes_in(statement) if name in by_name]
    if is_watched(connection):
        changes = changes[:-1]  # the statement itself, which stands behind what it begins with
    for rows, verb in changes:
        rows.bulk.refuse(rows.models[0].audited, verb, _WHY)
    if changes:
        _changing[connection] = changes


def _after_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    changes = _changing.pop(connection, None) or []
    for rows, verb in changes:
        touched = cursor.rowcount if len(changes) == 1 else -1
        if touched:
            rows.bulk.tell(rows.models[0].audited, verb, _WHY, None if touched < 0 else touched)


def _may_hide(context: Any) -> bool:
    """Whether a statement may change what SQLAlchemy does not know of: text, and what stands in its WITH."""
    compiled = None if context is None else context.compiled
    return compiled is None or isinstance(compiled.statement, TextClause) or bool(getattr(compiled, "ctes", None))


@lru_cache(256)
def changes_in(statement: str) -> tuple[tuple[Verb, str], ...]:
    """What a text does to which tables, their names in lower case and without schema."""
    found = _CHANGE.findall(_NO_CODE.sub(" ", statement))
    return tuple((_verb(verb), _bare(table)) for verb, table in found)


def _verb(verb: str) -> Verb:
    return _VERBS.get(verb.split()[0].lower(), "update")


def _bare(table: str) -> str:
    return table.rpartition(".")[2].strip().strip(_QUOTES).lower()


LISTENERS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (Engine, "before_cursor_execute", _before_cursor_execute),
    (Engine, "after_cursor_execute", _after_cursor_execute),
)
