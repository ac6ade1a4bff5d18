"""Models whose rows are audited: what they are called, how a change is told, and what becomes of one nobody saw."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import otel_audit
from otel_audit._change import results_of
from otel_audit.catalog import ACTIONS
from otel_audit.errors import NotConfigured, UnseenChange

Verb = Literal["create", "update", "delete"]
Unseen = Literal["refuse", "record"]
State = Mapping[str, Any]

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


@dataclass(frozen=True, slots=True)
class Audited:
    """How the rows of one model are told.

    Changes are ``<resource>.create``, ``.update`` and ``.delete``, with the results the catalogue names. *target* is
    the type of resource they are of: the catalogue's for such an action, else *resource*. What is in *leave_out* is in
    no state, and a change of nothing else is not told.
    """

    resource: str
    target: str | None = None
    leave_out: tuple[str, ...] = ()

    @property
    def resource_type(self) -> str:
        """The type of resource its rows are."""
        known = ACTIONS.get(f"{self.resource}.update")
        return self.target or (self.resource if known is None else known.resource_type)

    def tell(self, verb: Verb, identity: str, before: State | None, after: State | None) -> None:
        """Record that the row *identity* was changed, in the transaction that is open."""
        otel_audit.record(self.action(verb), (self.resource_type, identity), before=before, after=after)

    def action(self, verb: Verb) -> str:
        """The name of a change that succeeded."""
        return _success_of(f"{self.resource}.{verb}")


@dataclass(frozen=True, slots=True)
class Bulk:
    """What is done about a statement that changes many rows.

    Up to *max_rows* are read before and after it, in the same transaction, and told one by one. One that touches more,
    or rows that cannot be found, raises UnseenChange, or is told by one entry that says so.
    """

    max_rows: int = 1000
    unseen: Unseen = "refuse"

    def refuse(self, audited: Audited, verb: Verb, why: str) -> None:
        """Raise for a statement that has not run yet, unless it may run unseen."""
        if self.unseen == "refuse":
            raise UnseenChange(f"{audited.resource}.{verb}: {why}")

    def tell(self, audited: Audited, verb: Verb, why: str, rows: int | None) -> None:
        """Say of a statement that has run that *rows* (None: unknown how many) were touched unseen, or raise."""
        self.refuse(audited, verb, why)
        touched = "rows" if rows is None else f"{rows} rows"
        otel_audit.record(
            audited.action(verb),
            reason=f"a statement touched {touched} unseen: {why}",
            severity="warning",
            metadata={"unseen": True, "rows": rows, "resource_type": audited.resource_type},
        )


@cache
def _success_of(action: str) -> str:
    return f"{action}.{results_of(action)[0]}"


def read_bulk(max_rows: int, unseen: str) -> Bulk:
    """The settings; NotConfigured names what is wrong with them."""
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1:
        raise NotConfigured(f"bulk_max_rows must be a positive whole number, not {max_rows!r}")
    if unseen not in ("refuse", "record"):
        raise NotConfigured(f"unseen must be one of refuse, record, not {unseen!r}")
    return Bulk(max_rows, "refuse" if unseen == "refuse" else "record")


def read_models(models: Mapping[Any, str | Audited] | Iterable[Any]) -> dict[Any, Audited]:
    """Each model with what is told of it; one that is only named is called after its class."""
    if isinstance(models, Mapping):
        read = {model: Audited(told) if isinstance(told, str) else told for model, told in models.items()}
    else:
        read = {model: Audited(_resource_of(model)) for model in models}
    for model, audited in read.items():
        if not isinstance(audited, Audited) or _NAME.fullmatch(audited.resource) is None:
            raise NotConfigured(f"{model!r} needs a resource in lower case, as in product.price, not {audited!r}")
    return read


def identity_of(key: Iterable[Any]) -> str:
    """A primary key as the id of a resource; the parts of a composite one with commas between."""
    parts = [_plain(value) for value in key]
    if len(parts) == 1:
        return parts[0]
    return ",".join(part.replace("%", "%25").replace(",", "%2C") for part in parts)


def moment(value: datetime) -> datetime:
    """One moment has one text, in whichever time zone it was given."""
    return value if value.tzinfo is None else value.astimezone(UTC)


def _plain(value: Any) -> str:
    return moment(value).isoformat() if isinstance(value, datetime) else str(getattr(value, "value", value))


def _resource_of(model: Any) -> str:
    name = getattr(model, "__name__", None) or getattr(model, "name", None) or ""
    return _CAPITAL.sub("_", str(name)).lower()
