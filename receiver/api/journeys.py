"""``/journeys``: one order's life across traces and services."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from otel_audit.canonical import rfc3339, unix_ns
from otel_audit.entry import Entry
from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import JourneyDocument
from receiver.correlate.journey import Journey
from receiver.correlate.reads import Reader
from receiver.sentence import sentence


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk, reads = answering.desk, answering.reads
    router = APIRouter(tags=["journeys"])
    allowed = Annotated[Reader, Depends(may("read", answering.tokens))]

    @router.get("/journeys/{kind}/{identity:path}", response_model=JourneyDocument)
    def journey(kind: str, identity: str, reader: allowed) -> Response:
        """Everything that belongs to one matter: its traces and why each is linked, and one timeline of all of them."""
        with reads.reading(reader, "journey", {"type": kind, "id": identity}) as read:
            found, abandoned, freshness = desk.journey(reader.tenant, kind, identity)
            read.found = len(found.entries)
        entries = found.timeline()
        content = {
            "type": kind,
            "id": identity,
            "traces": _traces(found, entries),
            "timeline": list(_steps(entries)),
            "entries": present.entries(entries),
            "abandoned": [
                {"event_id": each.event_id, "at": rfc3339(each.at_ns), "resumed": each.resumed} for each in abandoned
            ],
            **present.freshness(freshness),
        }
        return present.answer(content)

    return router


def _traces(journey: Journey, entries: Sequence[Entry]) -> list[present.Json]:
    """The traces in the order they began."""
    of_trace: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.trace_id is not None:
            of_trace.setdefault(entry.trace_id, []).append(entry)
    return [
        {
            "trace_id": trace_id,
            "start": found[0].timestamp,
            "end": found[-1].timestamp,
            "services": sorted({each.service_name for each in found if each.service_name}),
            "entries": len(found),
            "links": [why._asdict() for why in journey.whys[trace_id]],
        }
        for trace_id, found in of_trace.items()
    ]


def _steps(entries: Sequence[Entry]) -> Iterator[present.Json]:
    for before, entry in pairwise((entries[0], *entries)):
        yield {
            "event_id": entry.event_id,
            "timestamp": entry.timestamp,
            "gap_ms": (unix_ns(entry.timestamp) - unix_ns(before.timestamp)) / 1e6,
            "trace_id": entry.trace_id,
            "service_name": entry.service_name,
            "action": entry.action,
            "outcome": entry.outcome,
            "message": sentence(entry),
        }
