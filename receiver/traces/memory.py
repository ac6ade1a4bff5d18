"""Spans in memory: the plain definition the other stores are held against."""

from collections.abc import Sequence

from receiver.clock import Clock, now_ns
from receiver.traces.port import Found
from receiver.traces.span import Span
from receiver.traces.stored import completeness


class MemorySpans:
    """Everything in two dicts."""

    name = "memory"

    def __init__(self, trace_max_spans: int, clock: Clock = now_ns) -> None:
        self._max = trace_max_spans
        self._clock = clock
        self._spans: dict[tuple[str, str, str], Span] = {}
        self._put_ns: dict[tuple[str, str, str], int] = {}
        self._cursors: dict[str, int] = {}

    def prepare(self) -> None:
        """Nothing to set up."""

    def put(self, spans: Sequence[Span]) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        for span in spans:
            key = (span.tenant, span.trace_id, span.span_id)
            known = self._spans.get(key)
            if known is None or completeness(known) < completeness(span):
                self._spans[key] = span
                self._put_ns[key] = self._clock()

    def expire(self, before_ns: int) -> bool:
        """See :class:`~receiver.traces.port.SpanStore`."""
        for key in [key for key, put_ns in self._put_ns.items() if put_ns < before_ns]:
            del self._spans[key], self._put_ns[key]
        return False

    def advance(self, log: str, cursor: int) -> None:
        """See :class:`~receiver.traces.port.SpanStore`."""
        self._cursors[log] = cursor

    def cursor(self, log: str) -> int:
        """See :class:`~receiver.traces.port.SpanStore`."""
        return self._cursors.get(log, 0)

    def trace(self, tenant: str, trace_id: str) -> Found:
        """See :class:`~receiver.traces.port.TraceSource`."""
        found = [span for span in self._spans.values() if (span.tenant, span.trace_id) == (tenant, trace_id)]
        found.sort(key=lambda span: (span.start_ns, span.span_id))
        return Found(tuple(found[: self._max]), len(found) > self._max)

    def linking(self, tenant: str, traces: Sequence[str], limit: int) -> Sequence[Span]:
        """See :class:`~receiver.traces.port.SpanStore`."""
        of_tenant = (span for span in self._spans.values() if span.tenant == tenant)
        return [span for span in of_tenant if any(to in traces for to, _ in span.links)][:limit]

    def close(self) -> None:
        """Nothing to let go of."""
