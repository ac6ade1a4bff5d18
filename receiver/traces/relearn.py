"""What traces show of entries that the index had lost, told to it once more."""

from collections.abc import Collection, Iterable
from typing import Protocol

from otel_audit.canonical import unix_ns
from otel_audit.entry import Entry
from receiver.clock import DAY_NS, Clock, now_ns
from receiver.traces.facts import facts_for, lacking
from receiver.traces.port import TraceSource
from receiver.traces.span import Span, Trace
from receiver.traces.teller import Amend


class Placed(Protocol):
    """An entry and its partition."""

    @property
    def partition(self) -> str: ...

    @property
    def entry(self) -> Entry: ...


class Relearn:
    """Asks the spans once for each trace; of entries older than spans are kept, there is nothing to ask."""

    def __init__(self, source: TraceSource, amend: Amend, retain_days: int, clock: Clock = now_ns) -> None:
        self._source = source
        self._amend = amend
        self._retain_days = retain_days
        self._clock = clock

    def tell(self, placed: Iterable[Placed]) -> None:
        """Amend what the spans that are still kept show. Unavailable loses nothing: call again."""
        spans: dict[Trace, Collection[Span]] = {}
        for each in placed:
            wants = lacking(each.entry, each.partition)
            if wants is None or each.entry.trace_id is None or self._is_too_old(each.entry):
                continue
            trace = (each.entry.tenant, each.entry.trace_id)
            if trace not in spans:
                spans[trace] = self._source.trace(*trace).spans
            facts = facts_for(wants, tuple(spans[trace]))
            if facts:
                self._amend(wants.partition, wants.tenant, wants.event_id, facts, wants.span_id)

    def _is_too_old(self, entry: Entry) -> bool:
        received_ns = unix_ns(entry.received_at or entry.timestamp)
        return bool(self._retain_days) and received_ns < self._clock() - (self._retain_days + 1) * DAY_NS
