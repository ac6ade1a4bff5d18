"""A span as the JSON the stores keep."""

from dataclasses import asdict, fields, replace
from typing import Any

from receiver.traces.span import Span, SpanError

BARE_NAME_MAX = 200


_FIELDS = tuple(field.name for field in fields(Span))


def to_stored(span: Span) -> dict[str, Any]:
    """*span* as plain JSON; what it holds is not copied."""
    error = None if span.error is None else asdict(span.error)
    return {**{name: getattr(span, name) for name in _FIELDS}, "error": error}


def from_stored(stored: dict[str, Any]) -> Span:
    """The span that :func:`to_stored` was given."""
    error = stored["error"]
    links = tuple((trace_id, span_id) for trace_id, span_id in stored["links"])
    return Span(**{**stored, "error": None if error is None else SpanError(**error), "links": links})


def bare(span: Span) -> Span:
    """The place and times of *span* alone, for a store that refuses what it carries."""
    return replace(span, name=span.name[:BARE_NAME_MAX], error=None, attributes={}, links=())


def completeness(span: Span) -> tuple[int, int]:
    """How much is known of a span, to tell which of two versions stays: the later end, then more attributes."""
    return span.end_ns, len(span.attributes)
