"""Tells entries what their spans show, once both are there."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from receiver.clock import SECOND_NS
from receiver.traces.audited import Audited
from receiver.traces.facts import facts_for
from receiver.traces.port import TraceSource
from receiver.traces.span import Trace

#: Until an entry that the index did not hold yet is tried again.
RETRY_NS = SECOND_NS // 2
#: An entry that is not there for so long never comes: another receiver's of the same id stands in its place.
GIVE_UP_NS = 3600 * SECOND_NS
#: Traces looked at in one go, so that spans never wait long for their turn.
BATCH_MAX = 200


class Amend(Protocol):
    """The index's way to learn what the trace showed later; False while the entry is not there yet."""

    def __call__(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None
    ) -> bool: ...


class _Due(NamedTuple):
    """When to look at a trace, and when that was first tried; 0 where it was not."""

    not_before_ns: int
    since_ns: int


_NEW = _Due(0, 0)


class Teller:
    """Remembers of which traces something new came, and amends the entries of those that lack something."""

    def __init__(self, audited: Audited, source: TraceSource, amend: Amend) -> None:
        self._audited = audited
        self._source = source
        self._amend = amend
        #: Trace ▶ when to look at it, nearly in that order, and since when it is tried.
        self._due: OrderedDict[Trace, _Due] = OrderedDict()

    def look_at(self, trace: Trace) -> None:
        """Something new came of *trace*: an entry, or spans that are put."""
        if self._audited.lacking(trace):
            self._due.setdefault(trace, _NEW)

    def tell(self, now_ns: int) -> bool:
        """Amend what can be amended now; whether more of it waits. Unavailable loses nothing: call again."""
        for _ in range(BATCH_MAX):
            trace = self._next(now_ns)
            if trace is None:
                return False
            done = self._tell(trace)
            due = self._due.pop(trace)
            since_ns = due.since_ns or now_ns
            if not done and now_ns - since_ns < GIVE_UP_NS:
                self._due[trace] = _Due(now_ns + RETRY_NS, since_ns)
        return self._next(now_ns) is not None

    def _next(self, now_ns: int) -> Trace | None:
        trace, due = next(iter(self._due.items()), (None, _NEW))
        return trace if due.not_before_ns <= now_ns else None

    def _tell(self, trace: Trace) -> bool:
        """Whether every entry that its spans show something of is amended."""
        lacking = self._audited.lacking(trace)
        spans = self._source.trace(*trace).spans if lacking else ()
        done = True
        for event_id, entry in lacking.items():
            facts = facts_for(entry, spans)
            if not facts:
                continue
            if self._amend(entry.partition, entry.tenant, event_id, facts, entry.span_id):
                self._audited.told(trace, event_id, frozenset(facts))
            else:
                done = False
        return done
