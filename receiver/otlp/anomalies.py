"""What is remarkable about an event at its receipt, decided once and journalled with it."""

from collections.abc import Iterator, Mapping
from typing import Any

from receiver.claims import UNAUTHORISED, Claims
from receiver.clock import SECOND_NS
from receiver.otlp.events import Found

#: The marks of an event that is further than so long from its receipt: a wrong clock, or a long way here.
NEAR_MAX_NS = 5 * 60 * SECOND_NS
LATE, AHEAD = "late", "ahead"
#: The mark of an event whose sender says that it dropped others of its span, or some of its attributes.
SENDER_DROPPED = "sender_dropped"


def anomalies_of(said: Mapping[str, Any], claims: Claims, ahead_ns: int, found: Found) -> tuple[str, ...]:
    """The marks of an event that says *said*, sent by someone with *claims*, and *ahead_ns* after its receipt."""
    return tuple(_marks(said, claims, ahead_ns, found))


def _marks(said: Mapping[str, Any], claims: Claims, ahead_ns: int, found: Found) -> Iterator[str]:
    if abs(ahead_ns) > NEAR_MAX_NS:
        yield AHEAD if ahead_ns > 0 else LATE
    if found.dropped_events or found.dropped_attributes:
        yield SENDER_DROPPED
    source = said.get("source") or {}
    if not claims.allow(said["action"], said.get("service_name"), source.get("id")):
        yield UNAUTHORISED
