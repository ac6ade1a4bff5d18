"""``/entries``: search, and one entry."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import SEARCH_PARAMETERS, OneEntryDocument, SearchDocument
from receiver.api.params import read_event_id, read_query, write_cursor
from receiver.correlate.desk import Desk
from receiver.correlate.reads import ACTION, Read, Reader
from receiver.index.query import Query

#: Searches for these look at reads alone.
READS = ACTION.removesuffix("success")


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk, reads = answering.desk, answering.reads
    router = APIRouter(tags=["entries"])
    allowed = Annotated[Reader, Depends(may("read", answering.tokens))]

    @router.get("/entries", response_model=SearchDocument, openapi_extra={"parameters": SEARCH_PARAMETERS})
    def search(request: Request, reader: allowed) -> Response:
        """Entries that match every filter, newest first unless asked otherwise."""
        asked = request.query_params.multi_items()
        query = read_query(reader.tenant, asked, answering.numeric)
        with reads.reading(reader, "search", dict(asked)) as read:
            return present.answer(found(desk, query, read))

    @router.get("/entries/{event_id}", response_model=OneEntryDocument)
    def one(event_id: str, reader: allowed) -> Response:
        """One entry."""
        event_id = read_event_id(event_id)
        with reads.reading(reader, "entry", {"event_id": event_id}) as read:
            entry, freshness = desk.entry(reader.tenant, event_id)
            read.found, read.of_reads = 1, entry.action == ACTION
        return present.answer({**present.entry(entry), **present.freshness(freshness)})

    return router


def found(desk: Desk, query: Query, read: Read) -> present.Json:
    """One page of entries as the API answers it; *read* is told how many."""
    page, freshness = desk.search(query)
    read.found = len(page.entries)
    read.of_reads = bool(query.actions) and all(each.startswith(READS) for each in query.actions)
    return {
        "entries": present.entries(page.entries),
        "next_cursor": write_cursor(query, page.next),
        "total": {"value": page.total.value, "exact": page.total.exact},
        **present.freshness(freshness),
    }
