"""``/resources``: what became of one."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from receiver.api import present
from receiver.api.auth import Reader, may
from receiver.api.documents import HistoryDocument
from receiver.correlate.desk import Desk
from receiver.tokens import Tokens


def routes(desk: Desk, tokens: Tokens) -> APIRouter:
    """The routes of this noun."""
    router = APIRouter(tags=["resources"])
    allowed = Annotated[Reader, Depends(may("read", tokens))]

    @router.get("/resources/{resource_type}/{resource_id:path}/history", response_model=HistoryDocument)
    def history(resource_type: str, resource_id: str, reader: allowed) -> Any:
        """Every entry of a resource, oldest first, each with what it changed, and the state they lead to."""
        (entries, state), freshness = desk.history(reader.tenant, resource_type, resource_id)
        return {
            "resource_type": resource_type,
            "resource_id": resource_id,
            "entries": present.entries(entries),
            "state": state,
            **present.freshness(freshness),
        }

    return router
