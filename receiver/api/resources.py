"""``/resources``: what became of one."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from receiver.api import present
from receiver.api.auth import Reader, may
from receiver.api.documents import HISTORY_PARAMETERS, HistoryDocument
from receiver.api.params import HISTORY, read_known
from receiver.correlate.desk import Desk
from receiver.tokens import Tokens


def routes(desk: Desk, tokens: Tokens) -> APIRouter:
    """The routes of this noun."""
    router = APIRouter(tags=["resources"])
    allowed = Annotated[Reader, Depends(may("read", tokens))]

    @router.get(
        "/resources/{resource_type}/{resource_id:path}/history",
        response_model=HistoryDocument,
        openapi_extra={"parameters": HISTORY_PARAMETERS},
    )
    def history(resource_type: str, resource_id: str, request: Request, reader: allowed) -> Any:
        """Every entry of a resource, oldest first, each with what it changed, and the state they lead to."""
        at_ns = read_known(HISTORY, request.query_params.multi_items()).get("at_ns")
        history, freshness = desk.history(reader.tenant, resource_type, resource_id, at_ns)
        return {
            "resource_type": resource_type,
            "resource_id": resource_id,
            "entries": present.entries(history.entries),
            "state": history.state,
            "breaks": [each._asdict() for each in history.breaks],
            **present.freshness(freshness),
        }

    return router
