"""SQL text that changes audited tables, past the ORM: nobody can tell its rows one by one."""

from collections.abc import Callable
from typing import Any

from django.db import connections
from django.db.backends.signals import connection_created

from otel_audit.integrations.django.models import all_models
from otel_audit.integrations.django.statements import is_running
from otel_audit.integrations.sql import WHY, changes_in


def follow() -> None:
    """Look at what cursors execute: on the connections of this thread, and on all that are opened. Twice is once."""
    connection_created.connect(_on_connection, dispatch_uid="otel_audit")
    for connection in connections.all(initialized_only=True):
        _on_connection(connection=connection)


def _on_connection(connection: Any, **_: Any) -> None:
    if _execute not in connection.execute_wrappers:
        connection.execute_wrappers.append(_execute)


def _execute(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    if is_running() or str(sql)[:6].upper() == "SELECT":
        return execute(sql, params, many, context)
    tables = {model.of._meta.db_table.lower(): model for model in all_models()}
    changes = [(tables[name], verb) for verb, name in changes_in(str(sql)) if name in tables]
    for model, verb in changes:
        model.bulk.refuse(model.audited, verb, WHY)
    answer = execute(sql, params, many, context)
    for model, verb in changes:
        rows = context["cursor"].rowcount if len(changes) == 1 else -1
        if rows:
            model.bulk.tell(model.audited, verb, WHY, None if rows < 0 else rows)
    return answer
