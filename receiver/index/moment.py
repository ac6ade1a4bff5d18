"""Times as an index files them: whole nanoseconds, within what every backend can hold."""

from otel_audit.canonical import unix_ns
from otel_audit.entry import Entry
from receiver.index.query import Position, TimeField

#: 2262-01-01, a little before signed 64-bit nanoseconds end. Later times are filed here; the entry has them exactly.
LATEST_NS = 9_214_646_400_000_000_000


def bound_ns(ns: int) -> int:
    """*ns* as a bound of a range: comparing filed times with it gives what comparing with *ns* would."""
    return min(max(ns, 0), LATEST_NS + 1)


def event_ns(entry: Entry) -> int:
    """When the event happened."""
    return _filed(unix_ns(entry.timestamp))


def received_ns(entry: Entry) -> int:
    """When the entry was received; one that does not say counts as received when it happened."""
    return _filed(unix_ns(entry.received_at or entry.timestamp))


def position_of(entry: Entry, time: TimeField) -> Position:
    """Where *entry* stands in an order by *time*."""
    return Position(event_ns(entry) if time == "event" else received_ns(entry), entry.event_id)


def _filed(ns: int) -> int:
    return min(max(ns, 0), LATEST_NS)
