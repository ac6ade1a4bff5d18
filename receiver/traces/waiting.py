"""Spans that wait to learn whether their trace is audited."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NamedTuple

from receiver.traces.span import Span, Trace


def trace_of(span: Span) -> Trace:
    """What a span waits with: its tenant and trace id."""
    return span.tenant, span.trace_id


class _Arrival(NamedTuple):
    """A stretch of the spool, by where it begins, and the traces its spans belong to."""

    start: int
    traces: frozenset[Trace]


class _Trace:
    """What waits of one trace, and when the last of it came."""

    __slots__ = ("last_ns", "spans")

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.last_ns = 0


class Waiting:
    """At most *max_spans* are to wait; the trace silent for longest is due first, its spans counted in ``dropped``.

    Remembers which stretch of the spool each span came from: before ``undecided_from`` every span is either
    handed out or given up.
    """

    def __init__(self, max_spans: int) -> None:
        self._max = max_spans
        self._traces: OrderedDict[Trace, _Trace] = OrderedDict()  # the one silent for longest first
        self._arrivals: deque[_Arrival] = deque()
        self._count = 0
        self.dropped = 0

    def __len__(self) -> int:
        return self._count

    @property
    def too_many(self) -> bool:
        """Whether more wait than are to."""
        return self._count > self._max

    def add(self, start: int, received_ns: int, spans: Sequence[Span]) -> None:
        """Keep *spans*, which came at position *start* of the spool."""
        for span in spans:
            trace = self._traces.setdefault(trace_of(span), _Trace())
            trace.spans.append(span)
            trace.last_ns = received_ns
            self._traces.move_to_end(trace_of(span))
        self._count += len(spans)
        self._arrivals.append(_Arrival(start, frozenset(map(trace_of, spans))))

    def take(self, trace: Trace) -> list[Span]:
        """The spans that wait for *trace*, which wait no more."""
        taken = self._traces.pop(trace, None)
        if taken is None:
            return []
        self._count -= len(taken.spans)
        return taken.spans

    def due(self, silent_since_ns: int, most: int) -> list[Trace]:
        """At most *most* traces of which nothing came since that moment, and those that are too many."""
        due: list[Trace] = []
        excess = self._count - self._max
        for trace, waiting in self._traces.items():
            if len(due) == most or (waiting.last_ns >= silent_since_ns and excess <= 0):
                break
            due.append(trace)
            excess -= len(waiting.spans)
        return due

    def drop(self, traces: Sequence[Trace], silent_since_ns: int) -> None:
        """Give up *traces*; the spans of one that might have waited longer are counted."""
        for trace in traces:
            early = trace in self._traces and self._traces[trace].last_ns >= silent_since_ns
            spans = self.take(trace)
            self.dropped += len(spans) if early else 0

    def undecided_from(self, end: int) -> int:
        """The spool's position before which nothing waits; *end* when nothing waits at all."""
        while self._arrivals and self._traces.keys().isdisjoint(self._arrivals[0].traces):
            self._arrivals.popleft()
        return self._arrivals[0].start if self._arrivals else end
