"""An event as it waits: said once, encoded once, the same bytes in memory, on disk and for the carrier."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from otel_audit import _value, wire


class Event(NamedTuple):
    """What was said and where it stands in its trace.

    *said* is MessagePack, ``[name, attributes]``; times are nanoseconds since 1970; *parent_span_id* is 0 outside
    any span.
    """

    said: bytes
    time_ns: int
    trace_id: int
    parent_span_id: int

    def read(self) -> tuple[str, dict[str, Any]]:
        """Name and attributes."""
        return _value.read_event(self.said)


def said_of(name: str, attributes: Mapping[str, Any]) -> bytes:
    """The bytes of an event of plain attributes."""
    return _value.event(name, len(attributes), _value.encode(attributes))


class Numbered(NamedTuple):
    """An event with its number in its process's stream; 0 is none."""

    number: int
    event: Event


def span_id_of(attributes: Mapping[str, Any]) -> bytes:
    """The carrier's span id: from the event's id, so that a repeat, after a crash too, is the same carrier."""
    return UUID(attributes[wire.RECORD_ID]).bytes[8:]
