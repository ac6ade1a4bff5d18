"""Where the spans of audited traces are kept, and found again."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from receiver.traces.span import Span


class Found(NamedTuple):
    """The spans of one trace, by start; ``truncated`` when there were more than may be read at once."""

    spans: tuple[Span, ...]
    truncated: bool


class TraceSource(Protocol):
    """A place that knows traces. Any number of threads read at once.

    A source that does not answer raises :class:`~receiver.errors.Unavailable`; it never answers with a part
    of a trace without saying so.
    """

    name: str

    def trace(self, tenant: str, trace_id: str) -> Found:
        """Every span of the trace kept here; empty when it is not known."""

    def close(self) -> None:
        """Let go of files and connections."""


class SpanStore(TraceSource, Protocol):
    """Our own trace source, which one process also writes."""

    def prepare(self) -> None:
        """Set up what spans are put into; called once before the first put, a repeat is free."""

    def put(self, spans: Sequence[Span]) -> None:
        """Make *spans* durable before returning. A repeated span replaces only a less complete one.

        (Less complete: fewer attributes, or an earlier end.)
        """

    def linking(self, tenant: str, traces: Sequence[str], limit: int) -> Sequence[Span]:
        """At most *limit* of the spans kept here, of whatever trace, that have a link to one of *traces*."""

    def expire(self, before_ns: int) -> bool:
        """Delete a bounded part of the spans put before that moment; whether there may be more of them.

        A store of daily partitions deletes those days as a whole, by the spans' own time.
        """

    def advance(self, log: str, cursor: int) -> None:
        """Make *cursor* durable as the place in the spool of *log* before which every span is decided on."""

    def cursor(self, log: str) -> int:
        """The last cursor of *log*; 0 when there is none."""
