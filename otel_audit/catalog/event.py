"""One event of the catalogue, ready to be recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypedDict

from otel_audit.catalog.action import Severity

#: What a resource is told by.
Id = str | int
#: Money: an exact decimal, or a number.
Amount = str | int | float | Decimal


class More(TypedDict, total=False):
    """What may be said of any event beside what its constructor names."""

    before: Any
    after: Any
    reason: str | None
    metadata: Mapping[str, Any] | None
    severity: Severity | None
    error_type: str | None
    error_message: str | None
    parent_event_id: str | None
    request_body: Any
    response_body: Any


@dataclass(frozen=True, slots=True)
class Event:
    """What a constructor made: :func:`otel_audit.record` takes it in place of an action's name.

    *resource* is what was acted on, ``(type, id)``; *metadata* what the constructor was told, without what nobody said.
    """

    action: str
    resource: tuple[str, Id] | None
    metadata: Mapping[str, Any]
    more: More = field(default_factory=More)

    @property
    def key(self) -> str:
        """The action without its result."""
        return self.action.rpartition(".")[0]

    def arguments(self, **said: Any) -> dict[str, Any]:
        """The arguments of ``record()``; what is *said* there as well wins, and metadata of both stands."""
        own = {**self.more, "resource": self.resource}
        metadata = {**self.metadata, **(self.more.get("metadata") or {}), **(said.pop("metadata", None) or {})}
        given = {name: value for name, value in said.items() if value is not None}
        return {**own, **given, "action": self.action, "metadata": metadata}


def made(action: str, resource_type: str, identity: Id | None, told: Mapping[str, Any], more: More) -> Event:
    """The event that a constructor was called for."""
    resource = None if identity is None else (resource_type, identity)
    return Event(action, resource, {name: value for name, value in told.items() if value is not None}, more)
