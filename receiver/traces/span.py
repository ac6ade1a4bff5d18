"""What is kept of a span so that an entry can be joined with its trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: A tenant and a trace id: what belongs together.
Trace = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SpanError:
    """Why a span failed: an exception event, or its status message when there is none."""

    type: str | None
    message: str | None
    stack: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Ids are lower-case hex; times are nanoseconds since the Unix epoch.

    ``kind`` is one of ``internal server client producer consumer unspecified``, ``status`` one of
    ``unset ok error``.
    """

    tenant: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    service: str | None
    start_ns: int
    end_ns: int
    status: str
    error: SpanError | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()

    @property
    def duration_ns(self) -> int:
        """How long it took; 0 where a clock ran backwards."""
        return max(0, self.end_ns - self.start_ns)
