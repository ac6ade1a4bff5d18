"""What is said, encoded at the call, clean of what must not leave the service."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from otel_audit import _value, wire
from otel_audit._wrong import Notes
from otel_audit.errors import InvalidEvent
from otel_audit.redact import Redactor, Rules, cut


class Said(NamedTuple):
    """Attributes of the wire convention, and the same as they travel: keys and values in MessagePack."""

    attributes: Mapping[str, Any]
    encoded: bytes


NOTHING = Said({}, b"")
_RECORD_ID = _value.text_bytes(wire.RECORD_ID)
_SCHEMA = _value.encode({wire.SCHEMA: wire.SCHEMA_VERSION})


_redactor = Redactor()


def use(rules: Rules) -> None:
    """Choose what is redacted, for the process."""
    global _redactor
    _redactor = Redactor(rules)


def redacted(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """*attributes* by the rules in use."""
    return _redactor.redact(attributes)[0]


def say(attributes: dict[str, Any], notes: Notes, actor_type: Any = None) -> Said:
    """*attributes*, encoded, redacted and cut; what cannot be encoded is told as far as it can be, with a note.

    *actor_type* is whose they are where they do not say so themselves.
    """
    notes.leave_on(attributes)
    try:
        encoded = _value.encode(attributes)
    except InvalidEvent as error:
        notes.wrong(error)
        notes.leave_on(attributes)
        attributes = {_value.lenient(key): _value.salvage(value) for key, value in attributes.items()}
        encoded = _value.encode(attributes)
    redactor = _redactor
    if redactor.needed(attributes, encoded, actor_type):
        # Models and the like are redacted as the plain values they travel as.
        attributes, _ = redactor.redact(_value.decode(encoded, len(attributes)), actor_type)
        encoded = _value.encode(attributes)
    if len(encoded) > redactor.rules.field_max_bytes:
        attributes = cut(_value.decode(encoded, len(attributes)), redactor.rules.field_max_bytes)
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
    if wire.ACTOR_TYPE in own.attributes:
        # An address that was a member of staff's around may be a customer's here.
        merged = redacted(merged)
    return _value.event(name, len(merged) + 2, _value.encode(merged), ids)
