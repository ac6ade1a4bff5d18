"""``/reindex`` and ``/requests``: what administrators ask of the follower, and how far it is."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import ReindexBody, RequestDocument, RequestedDocument
from receiver.api.params import read_event_id
from receiver.clock import now_ns
from receiver.correlate.reads import Reader
from receiver.requests import Request, rebuild_requested


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk = answering.desk
    router = APIRouter(tags=["operations"])
    administrator = Annotated[Reader, Depends(may("administer", answering.tokens))]

    @router.post("/reindex", response_model=RequestedDocument, status_code=202)
    def reindex(body: ReindexBody, reader: administrator) -> Any:
        """Have the index, or one partition, made anew from the journal; ``/requests/{request}`` tells how far it is."""
        draft = rebuild_requested(body.partition, reader.said, reader.tenant, now_ns())
        answering.tell([draft])
        return {"request": draft.event_id}

    @router.get("/requests/{id}", response_model=RequestDocument)
    def one(id: str, reader: administrator) -> Any:  # noqa: A002
        """How far a request is; 404 until the follower has heard of it, a second later."""
        request, freshness = desk.request(reader.tenant, read_event_id(id))
        return {**_shown(request), **present.freshness(freshness)}

    return router


def _shown(request: Request) -> present.Json:
    rows = {"rows": request.position, "of": request.seq} if request.what == "rebuild" else {}
    return {
        "request": request.id,
        "what": request.what,
        "partition": request.partition,
        "deadletter": None if request.letter is None else str(request.letter),
        "state": request.state,
        "reason": request.reason,
        "rows": None,
        "of": None,
        **rows,
    }
