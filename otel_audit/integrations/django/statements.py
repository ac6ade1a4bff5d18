"""Whatever Django's ORM writes: the rows are read before and after, and told one by one.

``save()`` and ``delete()``, ``QuerySet.update()``, ``bulk_create()``, ``bulk_update()``, ``_raw_delete()``, cascades
and many-to-many relations all end in three compilers; signals know of the first two alone. The compilers are followed
as classes, not on each connection, for a thread that has its connection already would be a blind spot.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, UniqueConstraint
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from otel_audit.integrations.audited import State, Verb, identity_of
from otel_audit.integrations.django.models import Key, Model, models_of, relations_of, source_of

_FOLLOWED = "_otel_audit_followed"
_VERBS: Mapping[type[Any], Verb] = {
    SQLInsertCompiler: "create",
    SQLUpdateCompiler: "update",
    SQLDeleteCompiler: "delete",
}
#: Whether a statement is under way whose rows are told.
_running: ContextVar[bool] = ContextVar("otel_audit_django_running", default=False)


def follow() -> None:
    """Tell what the compilers write from here on. Twice is once."""
    for compiler, verb in _VERBS.items():
        if not hasattr(compiler.execute_sql, _FOLLOWED):
            compiler.execute_sql = _followed(compiler.execute_sql, verb)


def is_running() -> bool:
    """Whether the statement that is executed here and now is told row by row."""
    return _running.get()


def _followed(execute_sql: Callable[..., Any], verb: Verb) -> Callable[..., Any]:
    @functools.wraps(execute_sql)
    def followed(compiler: Any, *args: Any, **kwargs: Any) -> Any:
        table = compiler.query.get_meta().model
        told = models_of(table, inserted=verb == "create"), relations_of(table)
        if _running.get() or not any(told):
            return execute_sql(compiler, *args, **kwargs)
        with _together(compiler.using):
            watch = _Watch(compiler, verb, *told)
            watch.begin()
            with _run():
                answer = execute_sql(compiler, *args, **kwargs)
            watch.end(answer)
        return answer

    setattr(followed, _FOLLOWED, True)
    return followed


@contextmanager
def _together(using: str) -> Iterator[None]:
    """What is read and what is written are one transaction, though nobody has begun one."""
    if not transaction.get_autocommit(using):
        yield
        return
    with transaction.atomic(using):
        yield


@contextmanager
def _run() -> Iterator[None]:
    token = _running.set(True)
    try:
        yield
    finally:
        _running.reset(token)


@dataclass
class _Watch:
    """A statement under way, and the rows it may touch as they were before."""

    compiler: Any
    verb: Verb
    models: Sequence[Model]
    relations: Sequence[tuple[Model, Any]]
    keys: list[Key] = field(default_factory=list)
    owners: list[list[Key]] = field(default_factory=list)
    before: list[dict[Key, State]] = field(default_factory=list)
    #: Why its rows are not known.
    unseen: str | None = None

    @property
    def _using(self) -> str:
        return str(self.compiler.using)

    @property
    def _query(self) -> Any:
        return self.compiler.query

    def begin(self) -> None:
        """Read the rows that the statement may touch."""
        max_rows = min(each.bulk.max_rows for each in (*self.models, *(model for model, _ in self.relations)))
        keys = self._met() if self.verb == "create" else self._matching("pk", max_rows)
        if len(keys) > max_rows or (self.verb == "create" and len(self._query.objs) > max_rows):
            self._pass_unseen(f"more than {max_rows} rows of {self._query.get_meta().db_table}")
            return
        self.keys = keys
        self.before = [model.states(self._using, keys) for model in self.models]
        self.owners = [self._owners(relation, max_rows) for _, relation in self.relations]
        self.before += self._related()

    def end(self, answer: Any) -> None:
        """Tell what has become of them."""
        count = answer if isinstance(answer, int) and not isinstance(answer, bool) else None
        if self.unseen is not None:
            self._tell_unseen(self.unseen, len(self._query.objs) if self.verb == "create" else count)
            return
        keys = self._made(answer) if self.verb == "create" else self.keys
        if keys is None:
            self._tell_unseen("their keys are not known: give them, or a unique value", len(self._query.objs))
            return
        told = [*self.models, *(model for model, _ in self.relations)]
        after = [model.states(self._using, dict.fromkeys([*self.keys, *keys])) for model in self.models]
        for model, old, new in zip(told, self.before, [*after, *self._related()], strict=True):
            _tell(model, old, new)
        if self.verb != "create" and count is not None and count > len(self.keys):
            self._tell_unseen("others had changed them meanwhile", count - len(self.keys))

    def _related(self) -> list[dict[Key, State]]:
        pairs = zip(self.relations, self.owners, strict=True)
        return [model.related(relation, self._using, keys) for (model, relation), keys in pairs]

    def _matching(self, name: str, max_rows: int) -> list[Key]:
        """*name* of the rows that the statement will find, and one more than are too many."""
        query = self._query.chain(klass=Query)
        query.clear_ordering(force=True)
        rows: Any = QuerySet(self._query.get_meta().model, query=query, using=self._using)
        return list(dict.fromkeys(rows.values_list(name, flat=True)[: max_rows + 1]))

    def _owners(self, relation: Any, max_rows: int) -> list[Key]:
        source = source_of(relation)
        if self.verb == "create":
            return list(dict.fromkeys(getattr(each, source) for each in self._query.objs))
        return self._matching(source, max_rows)

    def _met(self) -> list[Key]:
        """The keys of rows that are there already with a unique value of one that is to be inserted."""
        return [] if self._query.on_conflict is None else self._found_by_values()

    def _found_by_values(self) -> list[Key]:
        found: list[Key] = []
        meta = self._query.get_meta()
        for unique in _unique(meta):
            for each in self._query.objs:
                values = {name: getattr(each, name, None) for name in unique}
                if all(_is_value(value) for value in values.values()):
                    found += QuerySet(meta.model, using=self._using).filter(**values).values_list("pk", flat=True)
        return list(dict.fromkeys(found))

    def _made(self, answer: Any) -> list[Key] | None:
        """The keys of the rows that were inserted or met; None where they cannot be told."""
        objs = self._query.objs
        keys = [each.pk if _is_value(each.pk) else None for each in objs]
        if None in keys and self._query.on_conflict is None:
            names = [each.attname for each in getattr(self.compiler, "returning_fields", None) or ()]
            key = self._query.get_meta().pk.attname
            if key in names and len(answer) == len(objs):
                keys = [row[names.index(key)] for row in answer]
        if None not in keys and self._query.on_conflict is None:
            return keys
        found = self._found_by_values()
        return found if len(found) >= len(objs) or self._all_identified() else None

    def _all_identified(self) -> bool:
        """Whether each object has a unique value that finds its row, if there is one."""
        unique = _unique(self._query.get_meta())
        return all(
            any(all(_is_value(getattr(each, name, None)) for name in names) for names in unique)
            for each in self._query.objs
        )

    def _pass_unseen(self, why: str) -> None:
        model = self._first
        model.bulk.refuse(model.audited, self.verb if self.models else "update", why)
        self.unseen = why

    def _tell_unseen(self, why: str, rows: int | None) -> None:
        model = self._first
        if rows != 0:
            model.bulk.tell(model.audited, self.verb if self.models else "update", why, rows)

    @property
    def _first(self) -> Model:
        return self.models[0] if self.models else self.relations[0][0]


def _tell(model: Model, before: Mapping[Key, State], after: Mapping[Key, State]) -> None:
    """One entry for each row that is another now."""
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old != new:
            verb: Verb = "create" if old is None else "delete" if new is None else "update"
            model.audited.tell(verb, identity_of(key if isinstance(key, tuple) else (key,)), old, new)


def _unique(meta: Any) -> list[list[str]]:
    """What no two rows of a model have alike, by the names of attributes."""
    singles = [[each.attname] for each in meta.local_concrete_fields if each.unique]
    constraints = [
        each.fields
        for each in meta.constraints
        if isinstance(each, UniqueConstraint) and each.fields and each.condition is None
    ]
    several = [[meta.get_field(name).attname for name in names] for names in (*meta.unique_together, *constraints)]
    return singles + several


def _is_value(value: Any) -> bool:
    return value is not None and not hasattr(value, "resolve_expression")
