"""``/entries``: search, and one entry."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from receiver.api import present
from receiver.api.auth import Reader, may
from receiver.api.documents import SEARCH_PARAMETERS, OneEntryDocument, SearchDocument
from receiver.api.params import read_event_id, read_query, write_cursor
from receiver.correlate.desk import Desk
from receiver.tokens import Tokens


def routes(desk: Desk, tokens: Tokens) -> APIRouter:
    """The routes of this noun."""
    router = APIRouter(tags=["entries"])
    allowed = Annotated[Reader, Depends(may("read", tokens))]

    @router.get("/entries", response_model=SearchDocument, openapi_extra={"parameters": SEARCH_PARAMETERS})
    def search(request: Request, reader: allowed) -> Any:
        """Entries that match every filter, newest first unless asked otherwise."""
        query = read_query(reader.tenant, request.query_params.multi_items())
        page, freshness = desk.search(query)
        return {
            "entries": present.entries(page.entries),
            "next_cursor": write_cursor(query, page.next),
            "total": {"value": page.total.value, "exact": page.total.exact},
            **present.freshness(freshness),
        }

    @router.get("/entries/{event_id}", response_model=OneEntryDocument)
    def one(event_id: str, reader: allowed) -> Any:
        """One entry."""
        found, freshness = desk.entry(reader.tenant, read_event_id(event_id))
        return {**present.entry(found), **present.freshness(freshness)}

    return router
