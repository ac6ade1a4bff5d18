"""``/completeness``: which recorded events have not come."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from otel_audit.canonical import rfc3339
from receiver.api import present
from receiver.api.answering import Answering
from receiver.api.auth import may
from receiver.api.documents import STREAM_PARAMETERS, CompletenessDocument
from receiver.api.params import STREAMS, read_known
from receiver.clock import SECOND_NS
from receiver.correlate.reads import Reader
from receiver.streams import Stream
from receiver.streams.numbers import Gap

LIMIT = 100
#: So many gaps of one stream are listed.
GAPS_MAX = 1000


def routes(answering: Answering) -> APIRouter:
    """The routes of this noun."""
    desk = answering.desk
    router = APIRouter(tags=["completeness"])
    allowed = Annotated[Reader, Depends(may("read", answering.tokens))]

    @router.get("/completeness", response_model=CompletenessDocument, openapi_extra={"parameters": STREAM_PARAMETERS})
    def completeness(request: Request, reader: allowed) -> Any:
        """The senders' streams, the youngest first: what came of each, and what did not."""
        asked: Mapping[str, Any] = read_known(STREAMS, request.query_params.multi_items())
        streams, after, freshness = desk.streams(
            reader.tenant, asked.get("service"), asked.get("state"), asked.get("cursor"), asked.get("limit", LIMIT)
        )
        answer = {"streams": [_shown(each) for each in streams], "next_cursor": after}
        known = present.freshness(freshness)
        known["warnings"] += [
            f"stream {each.source_id} has more gaps than are shown" for each in streams if _has_more(each)
        ]
        return answer | known

    return router


def _shown(stream: Stream) -> present.Json:
    return {
        "source_id": stream.source_id,
        "service": stream.service,
        "state": stream.state,
        "first": stream.first,
        "last": stream.last,
        "received": stream.received,
        "missing": _ranges(stream.missing),
        "waiting": _ranges(stream.waiting),
        "reported_lost": stream.reported_lost,
        "abandoned": list(stream.abandoned),
        "last_seen": rfc3339(stream.last_seen_ns),
        "silent_s": round(stream.silent_ns / SECOND_NS, 3),
    }


def _ranges(gaps: Sequence[Gap]) -> list[tuple[int, int]]:
    return [(gap.first, gap.last) for gap in gaps[:GAPS_MAX]]


def _has_more(stream: Stream) -> bool:
    return len(stream.missing) > GAPS_MAX or len(stream.waiting) > GAPS_MAX
