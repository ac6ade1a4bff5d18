"""What is said, encoded at the call, clean of what must not leave the service."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from otel_audit import _value, redact, wire
from otel_audit._wrong import Notes
from otel_audit.errors import InvalidEvent


class Said(NamedTuple):
    """Attributes of the wire convention, and the same as they travel: keys and values in MessagePack."""

    attributes: Mapping[str, Any]
    encoded: bytes


NOTHING = Said({}, b"")
_RECORD_ID = _value.text_bytes(wire.RECORD_ID)
_SCHEMA = _value.encode({wire.SCHEMA: wire.SCHEMA_VERSION})


def say(attributes: dict[str, Any], notes: Notes) -> Said:
    """*attributes*, encoded and redacted; what cannot be encoded is told as far as it can be, with a note."""
    notes.leave_on(attributes)
    try:
        encoded = _value.encode(attributes)
    except InvalidEvent as error:
        notes.wrong(error)
        notes.leave_on(attributes)
        attributes = {_value.lenient(key): _value.salvage(value) for key, value in attributes.items()}
        encoded = _value.encode(attributes)
    if redact.needed(attributes, encoded):
        # Models and the like are redacted as the plain values they travel as.
        attributes, _ = redact.redact(_value.decode(encoded, len(attributes)))
        encoded = _value.encode(attributes)
    return Said(attributes, encoded)


def together(name: str, event_id: str, around: Said, own: Said) -> bytes:
    """One event of both; where they say the same attribute, *own* wins."""
    ids = b"".join((_SCHEMA, _RECORD_ID, _value.text_bytes(event_id)))
    if around.attributes.keys().isdisjoint(own.attributes):
        count = len(around.attributes) + len(own.attributes)
        return _value.event(name, count + 2, around.encoded, own.encoded, ids)
    merged = {**around.attributes, **own.attributes}
    if wire.NOTES in around.attributes and wire.NOTES in own.attributes:
        merged[wire.NOTES] = [*around.attributes[wire.NOTES], *own.attributes[wire.NOTES]]
    return _value.event(name, len(merged) + 2, _value.encode(merged), ids)
