"""Reading audited rows over the connection that is about to change them, or just has."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.engine import Connection

from otel_audit.integrations.sqlalchemy.models import Row, Rows

#: A row's primary key.
Key = tuple[Any, ...]

#: So many keys are looked up in one statement: databases bound the number of parameters.
_TOGETHER = 500
#: Where a row that is read can be kept from changing before the statement that follows.
_LOCKING = frozenset({"postgresql", "mysql", "mariadb", "oracle"})
#: Options of the statement that change which rows another one would read.
_SHARED_OPTIONS = ("schema_translate_map",)


class Reader:
    """Reads rows of one table on *connection*, as a statement with *options* would."""

    def __init__(self, connection: Connection, rows: Rows, options: Mapping[str, Any]) -> None:
        self._connection = connection
        self._rows = rows
        self._options = {name: options[name] for name in _SHARED_OPTIONS if name in options}

    def matching(
        self, criterion: ColumnElement[bool] | None, parameters: Sequence[Mapping[str, Any]], max_rows: int
    ) -> dict[Key, Row] | None:
        """The rows a statement with *criterion* would touch, locked where that can be done; None beyond *max_rows*."""
        statement = select(*self._rows.columns).limit(max_rows + 1)
        if criterion is not None:
            statement = statement.where(criterion)
        if self._connection.dialect.name in _LOCKING:
            statement = statement.with_for_update(of=self._rows.table)
        found: dict[Key, Row] = {}
        for each in parameters or [{}]:
            found.update(self._fetched(statement, each))
            if len(found) > max_rows:
                return None
        return found

    def by_key(self, keys: Iterable[Key]) -> dict[Key, Row]:
        """The rows of *keys* that are there."""
        return self.by_columns(self._rows.key, keys)

    def by_columns(self, columns: Sequence[Any], values: Iterable[Sequence[Any]]) -> dict[Key, Row]:
        """The rows whose *columns* have one of *values*."""
        found: dict[Key, Row] = {}
        for some in _parts(values):
            if len(columns) == 1:
                criterion: Any = columns[0].in_([value for (value,) in some])
            else:
                criterion = or_(*(and_(*map(_equals, columns, each)) for each in some))
            found.update(self._fetched(select(*self._rows.columns).where(criterion), {}))
        return found

    def _fetched(self, statement: Any, parameters: Mapping[str, Any]) -> dict[Key, Row]:
        result = self._connection.execute(statement, dict(parameters), execution_options=self._options)
        rows = [dict(zip(self._rows.columns, row, strict=True)) for row in result]
        return {tuple(row[column] for column in self._rows.key): row for row in rows}


def _equals(column: Any, value: Any) -> Any:
    return column == value


def _parts(values: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    rest = iter(values)
    while some := list(islice(rest, _TOGETHER)):
        yield some
