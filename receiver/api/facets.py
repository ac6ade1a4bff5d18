"""``/facets``: how often which value stands among the entries of a search."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from receiver.api import present
from receiver.api.auth import Reader, may
from receiver.api.documents import SEARCH_PARAMETERS, FacetsDocument
from receiver.api.params import read_query
from receiver.correlate.desk import Desk
from receiver.tokens import Tokens

#: So many values of a field are counted, the most frequent.
VALUES_MAX = 50


def routes(desk: Desk, tokens: Tokens, numeric: Sequence[str]) -> APIRouter:
    """The routes of this noun."""
    router = APIRouter(tags=["entries"])
    allowed = Annotated[Reader, Depends(may("read", tokens))]

    @router.get("/facets", response_model=FacetsDocument, openapi_extra={"parameters": SEARCH_PARAMETERS})
    def facets(request: Request, reader: allowed) -> Any:
        """Counts by action, service, outcome, user and address of the entries that match every filter."""
        query = read_query(reader.tenant, request.query_params.multi_items(), numeric)
        counted, freshness = desk.facets(query, VALUES_MAX)
        return {
            "facets": {
                name: [{"value": value, "count": count} for value, count in counts]
                for name, counts in counted.counts.items()
            },
            "exact": counted.exact,
            **present.freshness(freshness),
        }

    return router
