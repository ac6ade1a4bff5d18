"""Who acts, from where, in which request: what ``bind`` says of everything recorded inside it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypedDict, Unpack

from otel_audit import _value, _wrong, wire
from otel_audit._said import NOTHING, Said, say
from otel_audit._wrong import Notes
from otel_audit.entry import ActorType
from otel_audit.errors import InvalidEvent


class Facts(TypedDict, total=False):
    """What may be said of an actor and a request; names as in the entry. None says nothing."""

    user_id: str | int | None
    user_email: str | None
    user_roles: list[str] | tuple[str, ...] | None
    actor_type: ActorType | None
    session_id: str | None
    ip_address: str | None
    user_agent: str | None
    http_method: str | None
    path: str | None
    status_code: int | None
    request_id: str | None


_bound: ContextVar[Said] = ContextVar("otel_audit_bound", default=NOTHING)


def bound() -> Said:
    """What is bound here and now."""
    return _bound.get()


@contextmanager
def bind(**facts: Unpack[Facts]) -> Iterator[None]:
    """Say who acts in what follows; nests, and the inner one wins: None takes back what an outer one said.

    Follows ``await`` and new tasks. In development mode raises InvalidEvent for a name that is no such fact and for
    a value out of kind; in production such a fact is told in the metadata, with a note.
    """
    notes = Notes(strict=_wrong.strict())
    said = attributes(facts, notes)
    taken_back = {wire.ATTRIBUTE_OF.get(name) for name, value in facts.items() if value is None}
    kept = {key: value for key, value in _bound.get().attributes.items() if key not in taken_back}
    token = _bound.set(say({**kept, **said}, notes))
    try:
        yield
    finally:
        # A framework may leave the block in another context than it entered it in; that one bound nothing.
        with suppress(ValueError):
            _bound.reset(token)


def attributes(facts: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Entry fields as attributes of the wire convention, without those that are None.

    What is no such field, or of no kind the receiver takes, is noted and told in the metadata.
    """
    said: dict[str, Any] = {}
    for name, value in facts.items():
        if value is not None:
            say_field(said, name, value, notes)
    return said


def say_field(said: dict[str, Any], name: str, value: Any, notes: Notes) -> None:
    """Add one entry field to *said*."""
    try:
        # Most are plain text, or one of the few texts that are listed.
        said[wire.ATTRIBUTE_OF[name]] = value if _value.is_plain(name, value) else _value.field(name, value)
    except KeyError:
        notes.wrong(InvalidEvent(f"no such field: {name}"))
        said[f"{wire.METADATA}{name}"] = _value.salvage(value)
    except InvalidEvent as error:
        notes.wrong(error)
        said[f"{wire.METADATA}{name}"] = _value.salvage(value)
