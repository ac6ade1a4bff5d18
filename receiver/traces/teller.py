"""Tells entries what their spans show, once both are there."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from receiver.clock import SECOND_NS
from receiver.traces.audited import Audited
from receiver.traces.facts import facts_for
from receiver.traces.port import TraceSource
from receiver.traces.span import Trace

#: Until an entry that the index did not hold yet is tried again.
RETRY_NS = SECOND_NS // 2
#: Traces looked at in one go, so that spans never wait long for their turn.
BATCH_MAX = 200


class Amend(Protocol):
    """The index's way to learn what the trace showed later; False while the entry is not there yet."""

    def __call__(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None
    ) -> bool: ...


class Teller:
    """Remembers of which traces something new came, and amends the entries of those that lack something."""

    def __init__(self, audited: Audited, source: TraceSource, amend: Amend) -> None:
        self._audited = audited
        self._source = source
        self._amend = amend
        #: Trace ▶ when to look at it, nearly in that order.
        self._due: OrderedDict[Trace, int] = OrderedDict()

    def look_at(self, trace: Trace) -> None:
        """Something new came of *trace*: an entry, or spans that are put."""
        if self._audited.lacking(trace):
            self._due.setdefault(trace, 0)

    def tell(self, now_ns: int) -> bool:
        """Amend what can be amended now; whether more of it waits. Unavailable loses nothing: call again."""
        for _ in range(BATCH_MAX):
            trace = self._next(now_ns)
            if trace is None:
                return False
            done = self._tell(trace)
            del self._due[trace]
            if not done:
                self._due[trace] = now_ns + RETRY_NS
        return self._next(now_ns) is not None

    def _next(self, now_ns: int) -> Trace | None:
        trace, not_before = next(iter(self._due.items()), (None, 0))
        return trace if not_before <= now_ns else None

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
