"""``/searches``: the named ones, listed and asked."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from otel_audit.canonical import rfc3339
from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import SEARCH_PARAMETERS, NamedSearchDocument, SearchesDocument
from receiver.api.entries import found
from receiver.api.params import read_query
from receiver.api.problems import BadRequest, Fault
from receiver.clock import Clock, now_ns
from receiver.correlate.reads import Reader
from receiver.correlate.searches import HOUR_NS, SEARCHES, NamedSearch
from receiver.errors import NotFound

Pairs = list[tuple[str, str]]


def routes(answering: Answering, clock: Clock = now_ns) -> APIRouter:
    """The routes of this noun."""
    desk, reads = answering.desk, answering.reads
    router = APIRouter(tags=["searches"])
    allowed = Annotated[Reader, Depends(may("read", answering.tokens))]

    @router.get("/searches", response_model=SearchesDocument)
    def searches(reader: allowed) -> Any:
        """The named searches, and what each has to be told."""
        return {"searches": [_shown(each) for each in SEARCHES.values()]}

    @router.get("/searches/{name}", response_model=NamedSearchDocument, openapi_extra={"parameters": SEARCH_PARAMETERS})
    def search(name: str, request: Request, reader: allowed) -> Response:
        """Entries as in ``/entries``, with the search's own filters."""
        if name not in SEARCHES:
            raise NotFound(f"there is no search {name}; there are {', '.join(SEARCHES)}")
        filters = _filters(SEARCHES[name], request.query_params.multi_items(), clock)
        query = read_query(reader.tenant, filters, answering.numeric)
        asked = {name: value for name, value in filters if name != "cursor"}
        with reads.reading(reader, "search", {"search": name, **asked}) as read:
            return present.answer({"name": name, "filters": asked, **found(desk, query, read)})

    return router


def _filters(search: NamedSearch, given: Pairs, clock: Callable[[], int]) -> Pairs:
    """What is asked in all; BadRequest when something is missing, or would change what the search is."""
    names = {name for name, _ in given}
    faults = [Fault(name, "is needed") for name in search.required if name not in names]
    faults += [Fault(name, f"is set by {search.name}") for name in search.fixed if name in names]
    if faults:
        raise BadRequest(faults)
    since = [("from", rfc3339(clock() - search.hours * HOUR_NS))] if search.hours and "from" not in names else []
    return [*search.fixed.items(), *since, *given]


def _shown(search: NamedSearch) -> dict[str, Any]:
    return {
        "name": search.name,
        "title": search.title,
        "filters": search.fixed,
        "required": search.required,
        "optional": search.optional,
        "hours": search.hours,
    }
