"""A trace and its audit entries as one: who did what, in which span, and where it failed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from otel_audit.canonical import rfc3339
from otel_audit.entry import Entry
from receiver.traces.span import Span


def join(trace_id: str, source: str | None, spans: Sequence[Span], entries: Sequence[Entry]) -> dict[str, Any]:
    """The answer to "what happened in this trace", spans and entries in the order they began.

    ``complete`` is True when there is one root, and every span's parent and every entry's span is there.
    ``critical_path`` are the spans that decided how long the trace took. Self time is a span's own, without its
    children's.
    """
    spans = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
    children = _children(spans)
    missing = _missing_parents(spans)
    start = min((span.start_ns for span in spans), default=None)
    end = max((span.end_ns for span in spans), default=0)
    on_span = _entries_by_span(entries)
    return {
        "trace_id": trace_id,
        "source": source,
        "complete": not missing and _is_whole(spans, on_span),
        "missing_parents": missing,
        "start": None if start is None else rfc3339(start),
        "duration_ns": None if start is None else max(0, end - start),
        "services": sorted(
            {span.service for span in spans if span.service} | {e.service_name for e in entries if e.service_name}
        ),
        "spans": [_span(span, children.get(span.span_id, ()), on_span.get(span.span_id, ())) for span in spans],
        "errors": [*_span_errors(spans), *_entry_errors(entries)],
        "dependencies": _dependencies(spans),
        "critical_path": _critical_path(spans, children),
    }


def self_time_ns(span: Span, children: Iterable[Span]) -> int:
    """How long *span* was busy itself: its duration without the time that any of *children* ran."""
    covered, reached = 0, span.start_ns
    for child in sorted(children, key=lambda child: child.start_ns):
        start, end = max(child.start_ns, reached), min(child.end_ns, span.end_ns)
        if end > start:
            covered += end - start
            reached = end
    return max(0, span.duration_ns - covered)


def _span(span: Span, children: Sequence[Span], entries: Sequence[str]) -> dict[str, Any]:
    error = span.error
    return {
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
        "kind": span.kind,
        "service": span.service,
        "start": rfc3339(span.start_ns),
        "duration_ns": span.duration_ns,
        "self_time_ns": self_time_ns(span, children),
        "status": span.status,
        "error": None if error is None else {"type": error.type, "message": error.message, "stack": error.stack},
        "entries": list(entries),
    }


def _children(spans: Sequence[Span]) -> Mapping[str, list[Span]]:
    children: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if span.parent_span_id is not None:
            children[span.parent_span_id].append(span)
    return children


def _missing_parents(spans: Sequence[Span]) -> list[str]:
    known = {span.span_id for span in spans}
    return sorted({span.parent_span_id for span in spans if span.parent_span_id} - known)


def _is_whole(spans: Sequence[Span], on_span: Mapping[str, object]) -> bool:
    """Whether there is one root, and no entry stands on a span that is not there."""
    known = {span.span_id for span in spans}
    return sum(span.parent_span_id is None for span in spans) == 1 and on_span.keys() <= known


def _entries_by_span(entries: Sequence[Entry]) -> Mapping[str, list[str]]:
    by_span: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.span_id is not None:
            by_span[entry.span_id].append(entry.event_id)
    return by_span


def _span_errors(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """The failing spans, the deepest cause being the one that began last."""
    return [
        {
            "span_id": span.span_id,
            "event_id": None,
            "service": span.service,
            "name": span.name,
            "type": span.error.type,
            "message": span.error.message,
            "stack": span.error.stack,
        }
        for span in spans
        if span.error is not None
    ]


def _entry_errors(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The failures that entries report; they stand when the spans are gone."""
    return [
        {
            "span_id": entry.span_id,
            "event_id": entry.event_id,
            "service": entry.service_name,
            "name": entry.action,
            "type": entry.error_type,
            "message": entry.error_message,
            "stack": None,
        }
        for entry in entries
        if entry.error_type is not None or entry.error_message is not None
    ]


def _dependencies(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Which service called which: one for each pair whose spans are parent and child."""
    by_id = {span.span_id: span for span in spans}
    calls: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        caller = by_id.get(span.parent_span_id or "")
        if caller and caller.service and span.service and caller.service != span.service:
            calls[caller.service, span.service].append(span)
    return [
        {
            "caller": caller,
            "callee": callee,
            "calls": len(called),
            "errors": sum(span.status == "error" for span in called),
        }
        for (caller, callee), called in sorted(calls.items())
    ]


def _critical_path(spans: Sequence[Span], children: Mapping[str, Sequence[Span]]) -> list[str]:
    """The spans that something waited for until the end of the root that ends last, in the order they began.

    Seen from a span's end backwards: the child that ended last, then the one that had ended when that began, and so
    on; the same within each of them.
    """
    known = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_span_id not in known]
    waiting = [max(roots, key=_end)] if roots else []
    path: set[str] = set()
    while waiting:
        span = waiting.pop()
        path.add(span.span_id)
        waiting += (child for child in _waited_for(span, children.get(span.span_id, ())) if child.span_id not in path)
    return [span.span_id for span in spans if span.span_id in path]


def _waited_for(span: Span, children: Iterable[Span]) -> Iterator[Span]:
    """Of *children* those that *span* could not go on without; what runs on after its end counts until there."""
    reached = span.end_ns
    for child in sorted(children, key=lambda child: (min(child.end_ns, span.end_ns), child.span_id), reverse=True):
        if child.start_ns < min(child.end_ns, span.end_ns) <= reached:
            yield child
            reached = child.start_ns


def _end(span: Span) -> tuple[int, str]:
    return span.end_ns, span.span_id
