"""``/resources``: what became of one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import HISTORY_PARAMETERS, HistoryDocument
from receiver.api.params import HISTORY, read_known
from receiver.correlate.reads import Reader


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk, reads = answering.desk, answering.reads
    router = APIRouter(tags=["resources"])
    allowed = Annotated[Reader, Depends(may("read", answering.tokens))]

    @router.get(
        "/resources/{resource_type}/{resource_id:path}/history",
        response_model=HistoryDocument,
        openapi_extra={"parameters": HISTORY_PARAMETERS},
    )
    def history(resource_type: str, resource_id: str, request: Request, reader: allowed) -> Response:
        """Every entry of a resource, oldest first, each with what it changed, and the state they lead to."""
        asked = request.query_params.multi_items()
        at_ns = read_known(HISTORY, asked).get("at_ns")
        whose = {"resource_type": resource_type, "resource_id": resource_id, **dict(asked)}
        with reads.reading(reader, "history", whose) as read:
            history, freshness = desk.history(reader.tenant, resource_type, resource_id, at_ns)
            read.found = len(history.entries)
        content = {
            "resource_type": resource_type,
            "resource_id": resource_id,
            "entries": present.entries(history.entries),
            "state": history.state,
            "breaks": [each._asdict() for each in history.breaks],
            **present.freshness(freshness),
        }
        return present.answer(content)

    return router
