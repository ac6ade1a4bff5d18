"""``/traces``: a trace with its entries, and the trace of an entry."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import EntriesDocument, TraceDocument
from receiver.api.params import read_event_id, read_trace_id
from receiver.correlate.reads import Reader
from receiver.errors import NotFound


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk, reads = answering.desk, answering.reads
    router = APIRouter(tags=["traces"])
    allowed = Annotated[Reader, Depends(may("read", answering.tokens))]

    def joined(reader: Reader, trace_id: str) -> Response:
        with reads.reading(reader, "trace", {"trace_id": trace_id}) as read:
            (trace, entries), freshness = desk.trace(reader.tenant, trace_id)
            read.found = len(entries)
        return present.answer({**trace, "entries": present.entries(entries), **present.freshness(freshness)})

    @router.get("/traces/{trace_id}", response_model=TraceDocument)
    def trace(trace_id: str, reader: allowed) -> Response:
        """The spans and entries of a trace as one."""
        return joined(reader, read_trace_id(trace_id))

    @router.get("/traces/{trace_id}/entries", response_model=EntriesDocument)
    def entries(trace_id: str, reader: allowed) -> Response:
        """The entries of a trace alone, oldest first."""
        trace_id = read_trace_id(trace_id)
        with reads.reading(reader, "trace", {"trace_id": trace_id}) as read:
            found, freshness = desk.entries_of_trace(reader.tenant, trace_id)
            read.found = len(found)
        return present.answer({"entries": present.entries(found), **present.freshness(freshness)})

    @router.get("/entries/{event_id}/trace", response_model=TraceDocument)
    def trace_of_entry(event_id: str, reader: allowed) -> Response:
        """The trace that explains an entry."""
        entry, _ = desk.entry(reader.tenant, read_event_id(event_id))
        if entry.trace_id is None:
            raise NotFound(f"entry {entry.event_id} stands in no trace")
        return joined(reader, entry.trace_id)

    return router
