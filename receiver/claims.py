"""What a credential may say of itself: as which service, in which streams, which actions."""

import re
from collections.abc import Sequence

from otel_audit.wire import PREFIX, STREAM_REPORT
from receiver.config import OURSELVES, Sender

#: The mark on an entry that claims what its sender may not.
UNAUTHORISED = "unauthorised_claim"


def _pattern(allowed: Sequence[str]) -> re.Pattern[str] | None:
    if not allowed:
        return None
    return re.compile("|".join(".*".join(map(re.escape, each.split("*"))) for each in allowed), re.DOTALL)


def _allows(pattern: re.Pattern[str] | None, claim: str | None) -> bool:
    return pattern is None or (claim is not None and pattern.fullmatch(claim) is not None)


class Claims:
    """Patterns in which ``*`` stands for any run of characters; none of a kind means all of it."""

    def __init__(self, services: Sequence[str] = (), streams: Sequence[str] = (), actions: Sequence[str] = ()) -> None:
        self._services = _pattern(services)
        self._streams = _pattern(streams)
        self._actions = _pattern(actions)

    @classmethod
    def of(cls, sender: Sender) -> "Claims":
        """Those of a credential."""
        return cls(sender.services, sender.streams, sender.actions)

    def allow(self, action: str, service: str | None, stream: str | None) -> bool:
        """Whether an event may say so. The actions under ``audit.`` and the service of ours are nobody's but ours."""
        if service == OURSELVES or not _allows(self._services, service):
            return False
        if stream is not None and not _allows(self._streams, stream):
            return False
        if action.startswith(PREFIX):
            return action == STREAM_REPORT
        return _allows(self._actions, action)


#: What anyone may claim who was not told otherwise.
ANYTHING = Claims()

#: What a credential may claim that is no more: nothing, so that everything is marked.
NOTHING = Claims(services=("",), streams=("",), actions=("",))
