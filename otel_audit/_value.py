"""A caller's value as it travels: of the kind the receiver expects, and as it was at the moment of the call.

What cannot be told raises InvalidEvent; :func:`salvage` tells what can be told of it.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, get_args

import msgspec
import orjson
from pydantic import BaseModel

from otel_audit import wire
from otel_audit.catalog import SEVERITIES, Outcome
from otel_audit.entry import ActorType
from otel_audit.errors import InvalidEvent

#: Deeper than this a salvaged value is cut.
_DEPTH_MAX = 100


def text(value: Any) -> str:
    """*value* as text; an enumeration as what it stands for."""
    if type(value) is str:
        return value
    try:
        return str(value.value if isinstance(value, Enum) else value)
    except Exception as error:
        raise InvalidEvent(f"a {type(value).__name__} cannot be told as text: {error!r}") from error


def state(value: Any) -> str:
    """A state as the one JSON text it travels as."""
    try:
        return orjson.dumps(value, default=_spelled, option=orjson.OPT_NON_STR_KEYS).decode()
    except Exception as error:  # circular, too deep, no Unicode, or an object's own error
        raise InvalidEvent(f"a {type(value).__name__} cannot be told as JSON: {error}") from error


def snapshot(value: Any) -> Any:
    """*value* as JSON gives it back, where it can: what is done to it afterwards does not change what was said."""
    try:
        return orjson.loads(state(value))
    except InvalidEvent:
        return value  # told, or refused, when it is recorded


def encode(attributes: Mapping[str, Any]) -> bytes:
    """Keys and values in MessagePack, one after the other; how many they are stands elsewhere."""
    try:
        return _encode(attributes)[_header_size(len(attributes)) :]
    except Exception as error:
        culprits = [key for key, value in attributes.items() if not _encodes({key: value})]
        raise InvalidEvent(f"{', '.join(map(lenient, culprits))} cannot be encoded: {error}") from error


def text_bytes(text: str) -> bytes:
    """A text as a part of what :func:`encode` makes."""
    return _encode(text)


def decode(encoded: bytes, count: int) -> dict[str, Any]:
    """What :func:`encode` made bytes of."""
    return _decode(_header(count) + encoded)


def event(name: str, count: int, *encoded: bytes) -> bytes:
    """An event as it waits for delivery: ``[name, attributes]`` in MessagePack, of *count* encoded attributes."""
    return b"".join((_PAIR, _encode(name), _header(count), *encoded))


def read_event(said: bytes) -> tuple[str, dict[str, Any]]:
    """Name and attributes of what :func:`event` made bytes of."""
    return _decode_event(said)


def is_plain(name: str, value: Any) -> bool:
    """Whether :func:`field` would give *value* back as it is."""
    return type(value) is str and (name not in _AS or value in _LISTED.get(name, ()))


def field(name: str, value: Any) -> Any:
    """*value* as the entry's field *name* travels; InvalidEvent where the receiver would refuse it."""
    written: Callable[[str, Any], Any] = _AS.get(name, _text)
    return written(name, value)


def salvage(value: Any, _inside: tuple[int, ...] = ()) -> Any:
    """What can be told of *value*: circles cut, odd parts as text. Never fails."""
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(int(value))
    if isinstance(value, str):
        return str.__str__(value).encode(errors="replace").decode()
    if id(value) in _inside:
        return "[circular]"
    if len(_inside) >= _DEPTH_MAX:
        return "[too deep]"
    inside = (*_inside, id(value))
    try:
        if isinstance(value, Mapping):
            return {lenient(key): salvage(item, inside) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [salvage(item, inside) for item in value]
        return salvage(_spelled(value), inside)
    except Exception:
        return lenient(value)


def lenient(value: Any) -> str:
    """Some text for *value*. Never fails."""
    try:
        return str(value).encode(errors="replace").decode()
    except Exception:
        return f"<{type(value).__name__}>"


def _spelled(value: Any) -> Any:
    """What neither JSON nor MessagePack knows: a model by its fields, a set as a list, the rest as its own text."""
    match value:
        case Enum():
            return value.value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case BaseModel():
            return value.model_dump()
        case set() | frozenset():
            return list(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode(errors="backslashreplace")
        case Mapping():
            return dict(value)
    kind: Any = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        raise TypeError(f"{kind.__name__} has no text of its own")
    return str(value)


_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
_decode_event = msgspec.msgpack.Decoder(tuple[str, dict[str, Any]]).decode
_encode = msgspec.msgpack.Encoder(enc_hook=_spelled).encode


#: MessagePack's mark of an array of two.
_PAIR = b"\x92"


def _header_size(count: int) -> int:
    """How many bytes begin a map of *count* pairs."""
    return 1 if count < 16 else 3 if count < 1 << 16 else 5


def _header(count: int) -> bytes:
    """What begins a map of *count* pairs."""
    if count < 16:
        return bytes((0x80 | count,))
    return b"\xde" + count.to_bytes(2) if count < 1 << 16 else b"\xdf" + count.to_bytes(4)


def _encodes(value: Any) -> bool:
    try:
        _encode(value)
    except Exception:
        return False
    return True


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
    return state(value)


#: The values of those fields that have a listed set.
_LISTED: Mapping[str, frozenset[str]] = {
    "outcome": frozenset(get_args(Outcome)),
    "severity": frozenset(SEVERITIES),
    "actor_type": frozenset(get_args(ActorType)),
}
_AS: Mapping[str, Callable[[str, Any], Any]] = {
    "user_roles": _texts,
    "status_code": _integer,
    **dict.fromkeys(("request_body", "response_body"), _json),
    **dict.fromkeys(("outcome", "severity", "actor_type", "parent_event_id"), _listed),
}
