"""Spans for tests, each a little different where it matters."""

from typing import Any

from receiver.traces.span import Span

START_NS = 1_795_000_000_000_000_000
TRACE = "a" * 32


def span(number: int, **fields: Any) -> Span:
    """Span *number* of the trace ``a…``: a root that took a millisecond, unless *fields* say otherwise."""
    start_ns = fields.pop("start_ns", START_NS + number)
    return Span(
        **{
            "tenant": "default",
            "trace_id": TRACE,
            "span_id": f"{number:016x}",
            "parent_span_id": None,
            "name": f"span {number}",
            "kind": "internal",
            "service": "shop",
            "start_ns": start_ns,
            "end_ns": start_ns + 1_000_000,
            "status": "unset",
            **fields,
        }
    )
