"""Statements on audited tables that no flush makes: the rows are read before and after, and told one by one.

``session.execute(update(…))``, ``Query.update()``, ``bulk_insert_mappings()`` and their like come by here, statements
on a connection, and what a flush does beside its instances: association tables, ``post_update``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection, Engine

from otel_audit.integrations.audited import Verb
from otel_audit.integrations.sqlalchemy.inserts import (
    asking_for_keys,
    by_row,
    close,
    given_by,
    made,
    may_meet_others,
    met,
)
from otel_audit.integrations.sqlalchemy.instances import is_writing
from otel_audit.integrations.sqlalchemy.models import Row, Rows, tables
from otel_audit.integrations.sqlalchemy.reading import Key, Reader
from otel_audit.integrations.sqlalchemy.statement import target_of
from otel_audit.integrations.sqlalchemy.telling import tell
from otel_audit.integrations.sqlalchemy.under_way import UnderWay


@dataclass(eq=False)
class _Watch:
    """A statement under way, and the rows it may touch as they were before; *unseen* says why they are not known."""

    statement: Any
    rows: Rows
    verb: Verb
    reader: Reader
    before: Mapping[Key, Row] = field(default_factory=dict)
    unseen: str | None = None
    #: Whether we asked for what the statement returns.
    asked: bool = False


_watched: UnderWay[_Watch] = UnderWay()


def is_watched(connection: Connection, statement: object) -> bool:
    """Whether *statement*, which *connection* runs now, is told row by row."""
    return _watched.is_running(connection, statement)


def _before_execute(
    connection: Connection, statement: Any, multiparams: Any, params: Any, options: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    if getattr(statement, "is_dml", False):
        rows = tables().get(target_of(statement))
        if rows is not None and not is_writing(connection, rows.table):
            parameters = list(multiparams) or ([params] if params else [])
            watch = _begin(connection, rows, statement, parameters, options)
            statement = watch.statement
            _watched.begin(connection, statement, watch)
    return statement, multiparams, params


def _begin(
    connection: Connection, rows: Rows, statement: Any, parameters: Sequence[Any], options: Mapping[str, Any]
) -> _Watch:
    reader = Reader(connection, rows, options)
    if statement.is_insert:
        return _begin_insert(connection, rows, statement, parameters, reader)
    watch = _Watch(statement, rows, "update" if statement.is_update else "delete", reader)
    before = reader.matching(statement.whereclause, parameters, rows.bulk.max_rows)
    if before is None:
        _pass_unseen(watch, f"more than {rows.bulk.max_rows} rows of {rows.table.name}")
    else:
        watch.before = before
    return watch


def _begin_insert(
    connection: Connection, rows: Rows, statement: Any, parameters: Sequence[Any], reader: Reader
) -> _Watch:
    watch = _Watch(statement, rows, "create", reader)
    given = [] if statement.select is not None else given_by(statement, connection, parameters, rows)
    if len(given) > rows.bulk.max_rows:
        _pass_unseen(watch, f"more than {rows.bulk.max_rows} rows of {rows.table.name}")
        return watch
    if may_meet_others(statement):
        if statement.select is not None:
            _pass_unseen(watch, "rows of a SELECT may meet others that are there")
            return watch
        watch.before = met(reader, rows, given)
    watch.statement = asking_for_keys(statement, rows, connection, given)
    watch.asked = watch.statement is not statement
    return watch


def _pass_unseen(watch: _Watch, why: str) -> None:
    watch.rows.bulk.refuse(watch.rows.models[0].audited, watch.verb, why)
    watch.unseen = why


def _after_execute(
    connection: Connection, statement: Any, multiparams: Any, params: Any, options: Any, result: Any
) -> None:
    watch = _watched.end(connection, statement)
    if watch is None:
        return
    if watch.unseen is None:
        after = _read_after(watch, result)
        if after is not None:
            tell(watch.rows, watch.verb, watch.before, after)
        _count(watch, after, result)
    else:
        _tell_unseen(watch, watch.unseen, result.rowcount)
    if watch.asked:
        close(result)


def _read_after(watch: _Watch, result: Any) -> Mapping[Key, Row] | None:
    """The rows as they are now; None where it cannot be told which they are."""
    if watch.verb != "create":
        return watch.reader.by_key(watch.before)
    given = by_row(result.context.compiled_parameters, watch.rows)
    found = made(watch.reader, watch.rows, result, [] if watch.statement.select is not None else given)
    # What was met and is passed over is in no answer; what was replaced may have another key by now.
    return None if found is None else {**watch.reader.by_key(watch.before), **found}


def _count(watch: _Watch, after: Mapping[Key, Row] | None, result: Any) -> None:
    """What was touched and could not be told is said, or refused."""
    if after is None:
        _tell_unseen(watch, "their keys are not known: give them, or a unique value", result.rowcount)
    elif watch.verb == "update" and len(after) < len(watch.before):
        _tell_unseen(watch, "their primary keys were changed", len(watch.before) - len(after))
    elif watch.verb != "create" and not result.context.executemany and result.rowcount > len(watch.before):
        _tell_unseen(watch, "others had changed them meanwhile", result.rowcount - len(watch.before))


def _tell_unseen(watch: _Watch, why: str, rows: int) -> None:
    if rows:
        watch.rows.bulk.tell(watch.rows.models[0].audited, watch.verb, why, None if rows < 0 else rows)


#: Each with whether it gives the statement back.
LISTENERS: tuple[tuple[Any, str, Callable[..., Any], bool], ...] = (
    (Engine, "before_execute", _before_execute, True),
    (Engine, "after_execute", _after_execute, False),
)
