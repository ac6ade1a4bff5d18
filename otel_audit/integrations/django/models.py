"""Which Django models are audited, and what their rows say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models
from django.db.models import QuerySet

from otel_audit.errors import NotConfigured
from otel_audit.integrations.audited import Audited, Bulk, State, moment

#: A row's primary key.
Key = Any

#: So many rows are read in one statement: databases bound the number of parameters.
_TOGETHER = 500


@dataclass(frozen=True)
class Model:
    """One audited model."""

    of: type[models.Model]
    audited: Audited
    bulk: Bulk

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What is in a state: the columns of the model, those it inherits too."""
        out = self.audited.leave_out
        fields = self.of._meta.concrete_fields
        return tuple(sorted(each.attname for each in fields if each.name not in out and each.attname not in out))

    @property
    def relations(self) -> tuple[Any, ...]:
        """The many-to-many fields of the model."""
        return tuple(each for each in self.of._meta.many_to_many if each.name not in self.audited.leave_out)

    def states(self, using: str, keys: Iterable[Key]) -> dict[Key, State]:
        """The rows of *keys* that are there, kept from changing where that can be done."""
        found: dict[Key, State] = {}
        rest = iter(keys)
        while some := list(islice(rest, _TOGETHER)):
            rows: Any = QuerySet(self.of, using=using).filter(pk__in=some)
            if _locks(using):
                rows = rows.select_for_update()
            for row in rows.values("pk", *self.names):
                found[row["pk"]] = {name: _told(row[name]) for name in self.names}
        return found

    def related(self, relation: Any, using: str, keys: Iterable[Key]) -> dict[Key, State]:
        """What each of *keys* is related to by a many-to-many field."""
        found: dict[Key, list[Any]] = {key: [] for key in keys}
        source, target = source_of(relation), target_of(relation)
        rows = QuerySet(relation.remote_field.through, using=using).filter(**{f"{source}__in": list(found)})
        for key, other in rows.order_by(target).values_list(source, target):
            found[key].append(other)
        return {key: {relation.name: others} for key, others in found.items()}


def _told(value: Any) -> Any:
    return moment(value) if isinstance(value, datetime) else value


def source_of(relation: Any) -> str:
    """The column of an association's rows that says whose they are."""
    return str(relation.remote_field.through._meta.get_field(relation.m2m_field_name()).attname)


def target_of(relation: Any) -> str:
    """The column of an association's rows that says what they lead to."""
    return str(relation.remote_field.through._meta.get_field(relation.m2m_reverse_field_name()).attname)


def _locks(using: str) -> bool:
    connection: Any = connections[using]
    return bool(connection.features.has_select_for_update and connection.in_atomic_block)


#: All that is audited in this process.
_chosen: dict[type[models.Model], Model] = {}


def choose(given: Mapping[Any, Audited], bulk: Bulk) -> None:
    """From here on the models *given* are audited; NotConfigured names what is none, and a name that is no field."""
    found: dict[Any, Model] = {}
    for of, audited in given.items():
        if not _has_table(of):
            raise NotConfigured(f"{of!r} is no model with a table")
        for name in audited.leave_out:
            try:
                of._meta.get_field(name)
            except FieldDoesNotExist:
                raise NotConfigured(f"{of!r} has no field {name!r} to leave out") from None
        concrete = of._meta.concrete_model or of
        found[concrete] = Model(concrete, audited, bulk)
    _chosen.update(found)


def _has_table(of: Any) -> bool:
    return isinstance(of, models.base.ModelBase) and not of._meta.abstract


def choose_none() -> None:
    """Nothing is audited any more."""
    _chosen.clear()


def all_models() -> Iterable[Model]:
    """Every audited model."""
    return _chosen.values()


def models_of(table: type[models.Model], *, inserted: bool) -> list[Model]:
    """The audited models some of whose columns a statement on *table*'s model may change.

    A row that is *inserted* makes one of that very model: an inherited part of it has a statement of its own.
    """
    of = table._meta.concrete_model or table
    if inserted:
        return [each for each in all_models() if of is each.of]
    return [each for each in all_models() if of is each.of or issubclass(each.of, of) or issubclass(of, each.of)]


def relations_of(table: type[models.Model]) -> list[tuple[Model, Any]]:
    """The many-to-many fields of audited models whose rows *table*'s model holds."""
    return [
        (model, relation)
        for model in all_models()
        for relation in model.relations
        if relation.remote_field.through is table
    ]
