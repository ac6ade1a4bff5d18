"""Rows the database itself changes when others are deleted: ``ON DELETE CASCADE``, ``SET NULL`` and ``SET DEFAULT``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ForeignKeyConstraint, Table, and_, or_, select, tuple_
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.sql.selectable import FromClause

from otel_audit.integrations.sqlalchemy.models import Row, Rows, tables
from otel_audit.integrations.sqlalchemy.reading import Key, Reader
from otel_audit.integrations.sqlalchemy.telling import tell
from otel_audit.integrations.sqlalchemy.under_way import UnderWay

_ACTIONS = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})

#: By table, the foreign keys that lead to audited rows when its own are deleted.
Paths = Mapping[FromClause, Sequence[ForeignKeyConstraint]]


def paths_to(audited: Mapping[FromClause, Rows]) -> Paths:
    """The ways from a deleted row to rows of *audited* tables, over tables that are not audited too."""
    metadatas = {rows.table.metadata for rows in audited.values()}
    acting = [
        each
        for metadata in metadatas
        for table in metadata.tables.values()
        for each in table.foreign_key_constraints
        if _action(each) in _ACTIONS
    ]
    found: dict[FromClause, list[ForeignKeyConstraint]] = {}
    reached = set(audited)
    while new := [each for each in acting if each.table in reached and each not in found.get(each.referred_table, ())]:
        for each in new:
            found.setdefault(each.referred_table, []).append(each)
            if _deletes_on(acting, each.referred_table):
                reached.add(each.referred_table)
    return found


def _deletes_on(acting: Sequence[ForeignKeyConstraint], table: Table) -> bool:
    """Whether rows of *table* may go because others do."""
    return any(each.table is table and _action(each) == "CASCADE" for each in acting)


def _action(constraint: ForeignKeyConstraint) -> str:
    return (constraint.ondelete or "").upper()


class Cascade:
    """What a DELETE will take along, level by level, over *connection*."""

    def __init__(self, connection: Connection, paths: Paths, max_rows: int) -> None:
        self._connection = connection
        self._paths = paths
        self._max_rows = max_rows
        self._found: dict[Table, dict[Key, Row]] = {}

    def of(self, statement: Any, parameters: Sequence[Mapping[str, Any]]) -> Mapping[Table, Mapping[Key, Row]] | None:
        """The rows in other tables that the DELETE *statement* will change, as they are; None beyond the bound."""
        for constraint in self._paths.get(statement.table, ()):
            referred = select(*(each.column for each in constraint.elements)).correlate(None)
            if statement.whereclause is not None:
                referred = referred.where(statement.whereclause)
            holding = tuple_(*constraint.columns) if len(constraint.columns) > 1 else next(iter(constraint.columns))
            for each in parameters or [{}]:
                if not self._take(constraint, holding.in_(referred), each):
                    return None
        self._forget_own(statement, parameters)
        return self._found

    def _forget_own(self, statement: Any, parameters: Sequence[Mapping[str, Any]]) -> None:
        """What the statement deletes itself is told of it, though other rows of its table take it along too."""
        found = self._found.get(statement.table)
        if not found:
            return
        own = select(*statement.table.primary_key.columns)
        own = own if statement.whereclause is None else own.where(statement.whereclause)
        for each in parameters or [{}]:
            for key in self._connection.execute(own, dict(each)):
                found.pop(tuple(key), None)

    def _take(self, constraint: ForeignKeyConstraint, criterion: Any, parameters: Mapping[str, Any]) -> bool:
        """Follow the rows that refer by *constraint* as *criterion* says; whether all was within the bound."""
        table = constraint.table
        known = self._found.setdefault(table, {})
        statement = select(table).where(criterion).limit(self._max_rows + 1)
        result = self._connection.execute(statement, dict(parameters))
        rows = [dict(zip(table.columns, row, strict=True)) for row in result]
        new = {key: row for row in rows if (key := _key(table, row)) not in known}
        known.update(new)
        if len(known) > self._max_rows:
            return False
        return _action(constraint) != "CASCADE" or all(
            self._take(each, _referring(each, new.values()), {}) for each in self._paths.get(table, ()) if new
        )


def _referring(constraint: ForeignKeyConstraint, rows: Iterable[Row]) -> Any:
    pairs = [(each.parent, each.column) for each in constraint.elements]
    return or_(*(and_(*(own == row[theirs] for own, theirs in pairs)) for row in rows))


def _key(table: Table, row: Row) -> Key:
    return tuple(row[column] for column in table.primary_key.columns)


# -- following --------------------------------------------------------------------------------------------------


class _Taken(NamedTuple):
    """The rows that a DELETE under way will take along; None where they are too many."""

    rows: Mapping[Table, Mapping[Key, Row]] | None


_taken: UnderWay[_Taken] = UnderWay()
_derived: tuple[object, Paths] = (None, {})


def _paths() -> Paths:
    """Anew when something else is audited."""
    global _derived
    audited = tables()
    if _derived[0] is not audited:
        _derived = (audited, paths_to(audited))
    return _derived[1]


def _before_execute(connection: Connection, statement: Any, multiparams: Any, params: Any, options: Any) -> None:
    if not getattr(statement, "is_delete", False) or statement.table not in _paths():
        return
    audited = _first_audited(statement.table)
    found = Cascade(connection, _paths(), audited.bulk.max_rows).of(
        statement, list(multiparams) or ([params] if params else [])
    )
    if found is None:
        audited.bulk.refuse(audited.models[0].audited, "delete", _why(statement, audited))
    _taken.begin(connection, statement, _Taken(found))


def _after_execute(
    connection: Connection, statement: Any, multiparams: Any, params: Any, options: Mapping[str, Any], result: Any
) -> None:
    taken = _taken.end(connection, statement)
    if taken is None:
        return
    if taken.rows is None:
        audited = _first_audited(statement.table)
        audited.bulk.tell(audited.models[0].audited, "delete", _why(statement, audited), None)
        return
    for table, before in taken.rows.items():
        rows = tables().get(table)
        if rows is not None and before:
            tell(rows, "delete", before, Reader(connection, rows, options).by_key(before))


def _why(statement: Any, audited: Rows) -> str:
    return f"a deletion in {statement.table.name} takes more than {audited.bulk.max_rows} rows along"


def _first_audited(table: Any) -> Rows:
    """An audited table that rows of *table* lead to."""
    waiting, seen = [table], set()
    while waiting:
        held = [each.table for each in _paths().get(waiting.pop(), ())]
        for each in held:
            if each in tables():
                return tables()[each]
        waiting += [each for each in held if each not in seen]
        seen.update(held)
    raise LookupError(f"no audited table is reached from {table}")


LISTENERS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (Engine, "before_execute", _before_execute),
    (Engine, "after_execute", _after_execute),
)
