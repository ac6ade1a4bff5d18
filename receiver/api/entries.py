"""``/entries``: search, and one entry."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from receiver.api import present
from receiver.api.auth import Reader, may
from receiver.api.documents import SEARCH_PARAMETERS, OneEntryDocument, SearchDocument
from receiver.api.params import read_event_id, read_query, write_cursor
from receiver.correlate.desk import Desk
from receiver.index.query import Query
from receiver.tokens import Tokens


def routes(desk: Desk, tokens: Tokens, numeric: Sequence[str]) -> APIRouter:
    """The routes of this noun."""
    router = APIRouter(tags=["entries"])
    allowed = Annotated[Reader, Depends(may("read", tokens))]

    @router.get("/entries", response_model=SearchDocument, openapi_extra={"parameters": SEARCH_PARAMETERS})
    def search(request: Request, reader: allowed) -> Any:
        """Entries that match every filter, newest first unless asked otherwise."""
        return found(desk, read_query(reader.tenant, request.query_params.multi_items(), numeric))

    @router.get("/entries/{event_id}", response_model=OneEntryDocument)
    def one(event_id: str, reader: allowed) -> Any:
        """One entry."""
        entry, freshness = desk.entry(reader.tenant, read_event_id(event_id))
        return {**present.entry(entry), **present.freshness(freshness)}

    return router


def found(desk: Desk, query: Query) -> present.Json:
    """One page of entries as the API answers it."""
    page, freshness = desk.search(query)
    return {
        "entries": present.entries(page.entries),
        "next_cursor": write_cursor(query, page.next),
        "total": {"value": page.total.value, "exact": page.total.exact},
        **present.freshness(freshness),
    }
