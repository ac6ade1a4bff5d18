"""A caller's value as it travels: of the kind the receiver expects, and as it was at the moment of the call."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import orjson

from otel_audit import wire
from otel_audit.errors import InvalidEvent


def text(value: Any) -> str:
    """*value* as text; an enumeration as what it stands for, a lone surrogate as a question mark."""
    if type(value) is not str:
        value = str(value.value if isinstance(value, Enum) else value)
    # The copy goes through the application's exporter, which text that is no Unicode would stop.
    return value if value.isascii() else value.encode(errors="replace").decode()  # type: ignore[no-any-return]


def snapshot(value: Any) -> Any:
    """*value* as JSON gives it back: what is done to it afterwards does not change what was said."""
    return None if value is None else orjson.loads(wire.state_text(value))


def attribute(value: Any) -> Any:
    """*value* for an attribute of any kind; lists and maps as they are now."""
    if type(value) is str:
        return text(value)
    return snapshot(value) if isinstance(value, Mapping | list | tuple | set | frozenset) else value


def field(name: str, value: Any) -> Any:
    """*value* as the entry's field *name* travels; InvalidEvent where the receiver would refuse it."""
    written: Callable[[str, Any], Any] = _AS.get(name, _text)
    return written(name, value)


def _text(name: str, value: Any) -> str:
    return text(value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (text(value),)
    if not isinstance(value, list | tuple | set | frozenset):
        raise InvalidEvent(f"{name} must be a list of strings, not {type(value).__name__}")
    return tuple(text(item) for item in value)


def _integer(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEvent(f"{name} must be an integer, not {type(value).__name__}")
    return int(value)


def _listed(name: str, value: Any) -> str:
    """Held to the very table the receiver reads with."""
    key = wire.ATTRIBUTE_OF[name]
    try:
        return str(wire.FIELDS[key][1](key, text(value)))
    except wire.BrokenEvent as broken:
        raise InvalidEvent(str(broken)) from None


def _json(name: str, value: Any) -> str:
    return wire.state_text(value)


_AS: Mapping[str, Callable[[str, Any], Any]] = {
    "user_roles": _texts,
    "status_code": _integer,
    **dict.fromkeys(("request_body", "response_body"), _json),
    **dict.fromkeys(("outcome", "severity", "actor_type", "parent_event_id"), _listed),
}
