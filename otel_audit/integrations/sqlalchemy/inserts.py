"""Which rows an INSERT has made, or changed where it met some that were there already."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from otel_audit.integrations.sqlalchemy.models import Row, Rows
from otel_audit.integrations.sqlalchemy.reading import Key, Reader

#: How SQLAlchemy names the parameters of an INSERT with several VALUES.
_NUMBERED = re.compile(r"(.+)_m(\d+)")

#: Values by the key of their column.
Given = Mapping[str, Any]


def may_meet_others(statement: Any) -> bool:
    """Whether rows that are there already may be changed or passed over: ON CONFLICT, ON DUPLICATE KEY, OR REPLACE."""
    return statement._post_values_clause is not None or bool(statement._prefixes)


def asking_for_keys(statement: Any, rows: Rows, connection: Connection, given: Sequence[Given]) -> Any:
    """*statement*, asked to return primary keys where nothing else tells them and the database can."""
    if statement._returning or statement._return_defaults or (given and all(_has(row, rows.key) for row in given)):
        return statement
    many = len(given) > 1 or statement.select is not None
    can = connection.dialect.insert_executemany_returning if many else connection.dialect.insert_returning
    if not can or not (many or may_meet_others(statement)):
        return statement  # of a single row SQLAlchemy tells the key by itself
    return statement.returning(*rows.key)


def given_by(statement: Any, connection: Connection, parameters: Sequence[Given], rows: Rows) -> list[dict[str, Any]]:
    """The values a statement gives its rows, as far as they are no expressions."""
    names = sorted({name for each in parameters for name in each})
    compiled = statement.compile(dialect=connection.dialect, column_keys=names or None)
    return by_row([compiled.construct_params(dict(each)) for each in parameters or [{}]], rows)


def by_row(parameters: Iterable[Given], rows: Rows) -> list[dict[str, Any]]:
    """Parameters as the values of rows."""
    columns = set(rows.table.columns.keys())
    found: list[dict[str, Any]] = []
    for each in parameters:
        numbered: dict[int, dict[str, Any]] = {}
        plain: dict[str, Any] = {}
        for name, value in each.items():
            many = _NUMBERED.fullmatch(name)
            if name in columns:
                plain[name] = value
            elif many is not None and many[1] in columns:
                numbered.setdefault(int(many[2]), {})[many[1]] = value
        found += [{**plain, **row} for row in numbered.values()] or [plain]
    return found


def met(reader: Reader, rows: Rows, given: Sequence[Given]) -> dict[Key, Row]:
    """The rows that are there already with a unique value of one that is *given*."""
    found: dict[Key, Row] = {}
    for unique in _unique(rows):
        values = [[row[column.key] for column in unique] for row in given if _has(row, unique)]
        found.update(reader.by_columns(unique, values))
    return found


def made(reader: Reader, rows: Rows, result: CursorResult[Any], given: Sequence[Given]) -> dict[Key, Row] | None:
    """The rows that a statement with *result* has made or met; None where that cannot be told."""
    returned = _returned(result, rows)
    if returned is not None:
        return reader.by_key(returned)
    if given and all(_has(row, rows.key) for row in given):
        return reader.by_key(tuple(row[column.key] for column in rows.key) for row in given)
    keys = _known_keys(result)
    if keys is not None:
        return reader.by_key(keys)
    if given and all(any(_has(row, unique) for unique in _unique(rows)) for row in given):
        return met(reader, rows, given)
    return None


def close(result: CursorResult[Any]) -> None:
    """Leave *result* as one that nobody asked to return anything: it knows how many rows there were."""
    context: Any = result.context
    context._rowcount = len(_peek(result))  # as SQLAlchemy keeps it, for whoever asks later
    result.close()


def _has(row: Given, columns: Sequence[Any]) -> bool:
    return all(row.get(column.key) is not None for column in columns)


def _unique(rows: Rows) -> list[tuple[Any, ...]]:
    """The primary key, and whatever else no two rows have alike."""
    constraints: list[Any] = [each for each in rows.table.constraints if isinstance(each, UniqueConstraint)]
    indexes = [index for index in rows.table.indexes if index.unique and not _is_partial(index)]
    return [rows.key, *(tuple(each.columns) for each in (*constraints, *indexes) if len(each.columns))]


def _is_partial(index: Any) -> bool:
    options = [index.dialect_options[name] for name in ("postgresql", "sqlite")]
    return any(each.get("where") is not None for each in options) or len(index.columns) != len(index.expressions)


def _known_keys(result: CursorResult[Any]) -> list[Key] | None:
    """The primary keys of the rows, where SQLAlchemy has found them out."""
    context: Any = result.context
    statement = context.compiled.statement
    if may_meet_others(statement) or statement._returning or statement.select is not None or statement._multi_values:
        return None  # what the driver calls the last id may be an earlier statement's
    if context.executemany and not statement._return_defaults:
        return None
    keys = [tuple(key) for key in result.inserted_primary_key_rows if key is not None]
    return None if any(None in key for key in keys) or not keys else keys


def _returned(result: CursorResult[Any], rows: Rows) -> list[Key] | None:
    """The primary keys among what is returned, which stays there for whoever asked; None where they are not."""
    context: Any = result.context
    if not result.returns_rows or not context.compiled.statement._returning:
        return None
    columns = [entry.objects for entry in context.compiled._result_columns]
    places = [_place(column, columns) for column in rows.key]
    if None in places:
        return None
    processors = [
        column.type.dialect_impl(context.dialect).result_processor(context.dialect, None) for column in rows.key
    ]
    return [
        tuple(raw[place] if read is None else read(raw[place]) for place, read in zip(places, processors, strict=True))
        for raw in _peek(result)
    ]


def _place(column: Any, columns: Sequence[Sequence[Any]]) -> int | None:
    """Where *column* stands; what the ORM puts in its place has its hash."""
    wanted = hash(column)
    return next((at for at, objects in enumerate(columns) if any(hash(each) == wanted for each in objects)), None)


def _peek(result: CursorResult[Any]) -> list[Any]:
    """All rows as the driver gave them; they can be read again."""
    strategy: Any = result.cursor_strategy
    if isinstance(strategy, FullyBufferedCursorFetchStrategy):
        return list(strategy._rowbuffer)
    cursor: Any = result.cursor
    raw = cursor.fetchall()
    described = strategy.alternate_cursor_description
    result.cursor_strategy = FullyBufferedCursorFetchStrategy(cursor, described, raw)
    return list(raw)
