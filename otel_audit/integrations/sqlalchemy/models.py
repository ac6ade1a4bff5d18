"""Which models are audited, and what that makes of a table's rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Column, Table, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.selectable import FromClause

from otel_audit.errors import NotConfigured
from otel_audit.integrations.audited import Audited, Bulk, State, identity_of
from otel_audit.integrations.sqlalchemy.value import told

#: A row by its columns.
Row = Mapping[Column[Any], Any]


@dataclass(frozen=True)
class Model:
    """One mapped class, or a table without one, whose rows are told as *audited* says."""

    audited: Audited
    mapper: Mapper[Any] | None = None
    of: Table | None = None

    @cached_property
    def columns(self) -> Mapping[str, tuple[Column[Any], ...]]:
        """The columns behind each name in a state; an attribute of joined tables has several."""
        if self.mapper is None:
            assert self.of is not None  # noqa: S101 - a model is of one of the two
            named = {column.key: [column] for column in self.of.columns}
        else:
            named = {each.key: _stored(each.columns) for each in self.mapper.column_attrs}
        return {key: tuple(columns) for key, columns in named.items() if columns and key not in self.audited.leave_out}

    def is_deferred(self, name: str) -> bool:
        """Whether reading *name* is to be put off until somebody asks for it."""
        return self.mapper is not None and self.mapper.column_attrs[name].deferred

    def state(self, row: Row) -> State:
        """What *row* says, by the names a developer knows."""
        said = {
            name: told(row[column], column)
            for name, columns in self.columns.items()
            for column in columns
            if column in row
        }
        return dict(sorted(said.items()))


def _stored(columns: Iterable[Any]) -> list[Column[Any]]:
    """Without expressions, which no statement changes."""
    return [each for each in columns if isinstance(each, Column) and isinstance(each.table, Table)]


@dataclass(frozen=True)
class Rows:
    """A table some of whose rows are audited."""

    table: Table
    models: tuple[Model, ...]
    bulk: Bulk

    @cached_property
    def key(self) -> tuple[Column[Any], ...]:
        """What tells its rows apart: its primary key, else the one its class is mapped with."""
        mapped = [] if self.models[0].mapper is None else self.models[0].mapper.primary_key
        return tuple(self.table.primary_key.columns) or tuple(
            each for each in _stored(mapped) if each.table is self.table
        )

    @cached_property
    def columns(self) -> tuple[Column[Any], ...]:
        """What is read of a row: everything that is told, the key, and what tells its class."""
        told_of = {column for model in self.models for columns in model.columns.values() for column in columns}
        chosen = {*told_of, *self.key, *self._discriminators}
        return tuple(column for column in self.table.columns if column in chosen)

    @cached_property
    def _discriminators(self) -> frozenset[Column[Any]]:
        mappers = [model.mapper for model in self.models if model.mapper is not None]
        return frozenset(
            each.polymorphic_on
            for each in mappers
            if isinstance(each.polymorphic_on, Column) and each.polymorphic_on.table is self.table
        )

    def model_of(self, row: Row) -> Model | None:
        """The model that *row* is of; None where its class is not audited."""
        for column in self._discriminators:
            mapper = next(model.mapper for model in self.models if model.mapper is not None)
            actual = mapper.base_mapper.polymorphic_map.get(row[column])
            return None if actual is None else _nearest(actual)
        return self.models[0]

    def is_part(self, model: Model) -> bool:
        """Whether a row is a part of something whose own row is in another table, as in joined inheritance."""
        return model.mapper is not None and model.mapper.base_mapper.local_table is not self.table

    def identity(self, row: Row) -> str:
        """The id of the resource that *row* is."""
        return identity_of(row[column] for column in self.key)


@dataclass
class _Chosen:
    """All that is audited in this process."""

    classes: dict[Mapper[Any], tuple[Audited, Bulk]] = field(default_factory=dict)
    plain: dict[Table, tuple[Audited, Bulk]] = field(default_factory=dict)
    #: What follows of them; anew when a class has been mapped since.
    tables: dict[FromClause, Rows] | None = None
    nearest: dict[Mapper[Any], Model | None] = field(default_factory=dict)


_chosen = _Chosen()


def choose(models: Mapping[Any, Audited], bulk: Bulk) -> None:
    """From here on *models* are audited; NotConfigured for what is neither mapped nor a table."""
    problems = [problem for model, audited in models.items() for problem in _problems(model, audited)]
    if problems:
        raise NotConfigured("; ".join(problems))
    for model, audited in models.items():
        if isinstance(model, Table):
            _chosen.plain[model] = (audited, bulk)
        else:
            _chosen.classes[inspect(model)] = (audited, bulk)
    forget_derived()


def choose_none() -> None:
    """Nothing is audited any more."""
    _chosen.classes.clear()
    _chosen.plain.clear()
    forget_derived()


def forget_derived(*_: Any) -> None:
    """Classes have been mapped: what followed of the others may have changed."""
    _chosen.tables = None
    _chosen.nearest.clear()


def model_of(mapper: Mapper[Any]) -> Model | None:
    """The model an instance of *mapper* is told as: its class's, or that of the nearest class above it."""
    return _nearest(mapper) if _chosen.classes else None


def tables() -> Mapping[FromClause, Rows]:
    """Every table with audited rows in it."""
    if _chosen.tables is None:
        _chosen.tables = _derive()
    return _chosen.tables


def _nearest(mapper: Mapper[Any]) -> Model | None:
    if mapper not in _chosen.nearest:
        above = next((each for each in mapper.iterate_to_root() if each in _chosen.classes), None)
        found = None if above is None else Model(_chosen.classes[above][0], mapper=mapper)
        _chosen.nearest[mapper] = found
    return _chosen.nearest[mapper]


def _derive() -> dict[FromClause, Rows]:
    found: dict[FromClause, Rows] = {
        table: Rows(table, (Model(audited, of=table),), bulk) for table, (audited, bulk) in _chosen.plain.items()
    }
    of_table: dict[Table, list[Model]] = {}
    bulks: dict[Table, Bulk] = {}
    for chosen, (_, bulk) in _chosen.classes.items():
        for mapper in chosen.self_and_descendants:
            model = _nearest(mapper)
            for table in _tables_of(mapper):
                bulks.setdefault(table, bulk)
                if model is not None and model not in of_table.setdefault(table, []):
                    of_table[table].append(model)
    for table, models in of_table.items():
        # A table of a subclass tells nothing of the class: the one it was made for comes first.
        models.sort(key=lambda each: each.mapper is not None and each.mapper.local_table is not table)
        found[table] = Rows(table, tuple(models), bulks[table])
    return found


def _tables_of(mapper: Mapper[Any]) -> Iterable[Table]:
    return [table for table in mapper.tables if isinstance(table, Table)]


def _problems(model: Any, audited: Audited) -> Iterator[str]:
    """What keeps *model* from being audited. A name left out that it has not would tell what was meant to stay out."""
    if isinstance(model, Table):
        if not len(model.primary_key.columns):
            yield f"{model.name} has no primary key: its rows cannot be told apart"
        known = set(model.columns.keys())
    elif isinstance(inspect(model, raiseerr=False), Mapper):
        known = set(inspect(model).column_attrs.keys()) if audited.leave_out else set()
    else:
        yield f"{model!r} is neither a mapped class nor a Table"
        return
    yield from (f"{model!r} has no column {name!r} to leave out" for name in audited.leave_out if name not in known)
