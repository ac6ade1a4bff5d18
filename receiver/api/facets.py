"""``/facets``: how often which value stands among the entries of a search."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import SEARCH_PARAMETERS, FacetsDocument
from receiver.api.params import read_query
from receiver.correlate.reads import Reader

#: So many values of a field are counted, the most frequent.
VALUES_MAX = 50


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk, reads = answering.desk, answering.reads
    router = APIRouter(tags=["entries"])
    allowed = Annotated[Reader, Depends(may("read", answering.tokens))]

    @router.get("/facets", response_model=FacetsDocument, openapi_extra={"parameters": SEARCH_PARAMETERS})
    def facets(request: Request, reader: allowed) -> Any:
        """Counts by action, service, outcome, user and address of the entries that match every filter."""
        asked = request.query_params.multi_items()
        query = read_query(reader.tenant, asked, answering.numeric, answering.redactor)
        with reads.reading(reader, "facets", dict(asked)):
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
