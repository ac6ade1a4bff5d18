"""What a flush does to instances of audited models: told from what they know, and read where they do not know it."""

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Column, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import InstanceState, Mapper, Session, object_session
from sqlalchemy.sql import ClauseElement

from otel_audit.integrations.audited import State, identity_of
from otel_audit.integrations.sqlalchemy.known import owners
from otel_audit.integrations.sqlalchemy.models import Model, model_of

_UNKNOWN = object()


class _Flight:
    """An instance on its way to the database, and its previous state."""

    def __init__(self, mapper: Mapper[Any], before: State | None) -> None:
        self.mapper = mapper
        self.before = before


#: By session, what its flush is writing now.
_flights: weakref.WeakKeyDictionary[Session, dict[InstanceState[Any], _Flight]] = weakref.WeakKeyDictionary()


def is_writing(connection: Connection, table: object) -> bool:
    """Whether a flush over *connection* is writing instances to *table*: its statements are told by instance."""
    owner = owners.get(connection)
    session = None if owner is None else owner()
    flights = {} if session is None else _flights.get(session, {})
    return any(table in flight.mapper.tables for flight in flights.values())


def _depart(mapper: Mapper[Any], target: object, before: State | None) -> None:
    session = object_session(target)
    if session is not None:
        _flights.setdefault(session, {})[inspect(target)] = _Flight(mapper, before)


def _arrive(target: object) -> State | None:
    session = object_session(target)
    flights = {} if session is None else _flights.get(session, {})
    flight = flights.pop(inspect(target), None)
    return None if flight is None else flight.before


def _end(session: Session, *_: Any) -> None:
    """A flush that failed leaves nothing on its way."""
    _flights.pop(session, None)


def _before_insert(mapper: Mapper[Any], connection: Connection, target: object) -> None:
    if model_of(mapper) is not None:
        _depart(mapper, target, None)


def _after_insert(mapper: Mapper[Any], connection: Connection, target: object) -> None:
    model = model_of(mapper)
    if model is None:
        return
    _arrive(target)
    state = inspect(target)
    after = _now(model, state, connection, [name for name in model.columns if not _is_put_off(model, state, name)])
    model.audited.tell("create", identity_of(_key(mapper, target)), None, after)


def _is_put_off(model: Model, state: InstanceState[Any], name: str) -> bool:
    return name not in state.dict and model.is_deferred(name)


def _before_update(mapper: Mapper[Any], connection: Connection, target: object) -> None:
    model = model_of(mapper)
    if model is not None:
        _depart(mapper, target, _before(model, inspect(target), connection, all_of_it=False))


def _after_update(mapper: Mapper[Any], connection: Connection, target: object) -> None:
    model = model_of(mapper)
    if model is None:
        return
    before = _arrive(target)
    if before is None:
        return
    after = _now(model, inspect(target), connection, before)
    if before != after:
        model.audited.tell("update", identity_of(_key(mapper, target)), before, after)


def _before_delete(mapper: Mapper[Any], connection: Connection, target: object) -> None:
    model = model_of(mapper)
    if model is not None:
        _depart(mapper, target, _before(model, inspect(target), connection, all_of_it=True))


def _after_delete(mapper: Mapper[Any], connection: Connection, target: object) -> None:
    model = model_of(mapper)
    if model is not None:
        key = inspect(target).identity or _key(mapper, target)
        model.audited.tell("delete", identity_of(key), _arrive(target), None)


def _key(mapper: Mapper[Any], target: object) -> Sequence[Any]:
    return list(mapper.primary_key_from_instance(target))


def _before(model: Model, state: InstanceState[Any], connection: Connection, *, all_of_it: bool) -> State:
    """The previous state: what the instance remembers. It is read where a value that changes is not remembered.

    What is neither loaded nor changed is left out, unless *all_of_it* is asked for.
    """
    values = {name: _former(state, name) for name in model.columns}
    changed = [name for name, value in values.items() if value is _UNKNOWN and name in state.dict]
    missing = [name for name, value in values.items() if value is _UNKNOWN and not model.is_deferred(name)]
    if changed or (all_of_it and missing):
        values |= _read(model, state.identity or (), connection, [*changed, *missing])
    return _told(model, values)


def _former(state: InstanceState[Any], name: str) -> Any:
    """What *name* was when the instance was last in step with the database."""
    history = state.attrs[name].history
    if history.deleted:
        return history.deleted[0]
    return history.unchanged[0] if history.unchanged else _UNKNOWN


def _now(model: Model, state: InstanceState[Any], connection: Connection, names: Iterable[str]) -> State:
    """The new state of *names*; what the database has decided is read."""
    values = {name: state.dict[name] if name in state.dict else _default(model, state, name) for name in names}
    missing = [name for name, value in values.items() if value is _UNKNOWN or isinstance(value, ClauseElement)]
    if missing:
        mapper: Any = state.mapper
        values |= _read(model, _key(mapper, state.obj()), connection, missing)
    return _told(model, values)


def _default(model: Model, state: InstanceState[Any], name: str) -> Any:
    """What an attribute that was never set is after an INSERT: nothing, unless somebody has a default for it."""
    column = model.columns[name][0]
    generated = (column.server_default, column.server_onupdate, column.default, column.computed, column.identity)
    is_new = not state.has_identity
    return None if is_new and all(each is None for each in generated) and not column.primary_key else _UNKNOWN


def _told(model: Model, values: dict[str, Any]) -> State:
    known = {model.columns[name][0]: value for name, value in values.items() if value is not _UNKNOWN}
    return model.state(known)


def _read(model: Model, key: Sequence[Any], connection: Connection, names: Iterable[str]) -> dict[str, Any]:
    """*names* of one row as the database has them now."""
    mapper: Any = model.mapper
    wanted: dict[str, Column[Any]] = {name: model.columns[name][0] for name in names}
    statement = select(*wanted.values()).select_from(mapper.persist_selectable)
    for column, value in zip(mapper.primary_key, key, strict=True):
        statement = statement.where(column == value)
    row = connection.execute(statement).first()
    return {} if row is None else dict(zip(wanted, row, strict=True))


LISTENERS: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (Mapper, "before_insert", _before_insert),
    (Mapper, "after_insert", _after_insert),
    (Mapper, "before_update", _before_update),
    (Mapper, "after_update", _after_update),
    (Mapper, "before_delete", _before_delete),
    (Mapper, "after_delete", _after_delete),
    (Session, "before_flush", _end),
    (Session, "after_soft_rollback", _end),
)
