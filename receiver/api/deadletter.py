"""``/deadletter``: what was received and is in no answer, why, and what is done about it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import (
    DEADLETTER_PARAMETERS,
    DeadletterDocument,
    DropBody,
    LetterDocument,
    OneLetterDocument,
    RequestedDocument,
)
from receiver.api.params import DEADLETTER, read_known
from receiver.clock import now_ns
from receiver.correlate.letters import Letter
from receiver.correlate.reads import Reader
from receiver.deadletter import dropped, retry_requested
from receiver.errors import Refused

LIMIT = 100

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk, reads = answering.desk, answering.reads
    router = APIRouter(tags=["deadletter"])
    investigator = Annotated[Reader, Depends(may("investigate", answering.tokens))]
    administrator = Annotated[Reader, Depends(may("administer", answering.tokens))]

    @router.get("/deadletter", response_model=DeadletterDocument, openapi_extra={"parameters": DEADLETTER_PARAMETERS})
    def page(request: Request, reader: investigator) -> Any:
        """What was set aside or refused and nothing became of, the latest first."""
        parameters = request.query_params.multi_items()
        asked = read_known(DEADLETTER, parameters)
        with reads.reading(reader, "deadletter", dict(parameters)) as read:
            letters, after, freshness = desk.letters(
                reader.tenant, asked.get("kind"), asked.get("before"), asked.get("limit", LIMIT)
            )
            read.found = len(letters)
        next_cursor = None if after is None else str(after)
        return {
            "letters": [shown(each) for each in letters],
            "next_cursor": next_cursor,
            **present.freshness(freshness),
        }

    @router.get("/deadletter/{id}", response_model=OneLetterDocument)
    def one(id: Id, reader: investigator) -> Any:  # noqa: A002
        """One of them, also when it was dropped or retried."""
        with reads.reading(reader, "deadletter", {"id": str(id)}) as read:
            letter, freshness = desk.letter(reader.tenant, id)
            read.found = 1
        return {**shown(letter), **present.freshness(freshness)}

    @router.post("/deadletter/{id}/retry", response_model=RequestedDocument, status_code=202)
    def retry(id: Id, reader: administrator) -> Any:  # noqa: A002
        """Have it read again, or put again; ``/requests/{request}`` tells how that went."""
        letter, _ = desk.letter(reader.tenant, id)
        _must_be_open(letter)
        if letter.is_conflict:
            raise Refused(
                "its event id stands for another event, and what is there is never overwritten: no retry can make it "
                "an entry; both are kept, and it can be dropped from the list"
            )
        draft = retry_requested(desk.place(reader.tenant, id), reader.said, now_ns())
        answering.tell([draft])
        return {"request": draft.event_id}

    @router.post("/deadletter/{id}/drop", response_model=LetterDocument, status_code=202)
    def drop(id: Id, body: DropBody, reader: administrator) -> Any:  # noqa: A002
        """Hide it from the list, within a second; the journal keeps it, and the drop is an entry."""
        letter, _ = desk.letter(reader.tenant, id)
        _must_be_open(letter)
        answering.tell([dropped(desk.place(reader.tenant, id), reader.said, body.reason, now_ns())])
        return {**shown(letter), "state": "dropped"}

    return router


def _must_be_open(letter: Letter) -> None:
    if letter.state != "open":
        raise Refused(f"dead letter {letter.seq} was {letter.state} already")


def shown(letter: Letter) -> present.Json:
    """One dead letter."""
    return {
        "id": str(letter.seq),
        "kind": letter.kind,
        "state": letter.state,
        "reason": letter.reason,
        "received_at": letter.received_at,
        "sender": letter.sender,
        "service": letter.service,
        "name": letter.name,
        "trace_id": letter.trace_id,
        "span_id": letter.span_id,
        "event_id": letter.event_id,
        "attributes": letter.attributes,
        "conflict": letter.is_conflict,
        "other": letter.other,
    }
