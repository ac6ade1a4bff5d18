"""Entries as the API shows them: flat, with one readable sentence and what changed."""

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.responses import Response

from otel_audit.entry import Entry, Frozen
from receiver.correlate.desk import Freshness
from receiver.correlate.history import changes
from receiver.sentence import sentence

Json = dict[str, Any]


def answer(content: Json) -> Response:
    """*content* as the body of an answer, written once: its shape is ours, and held to the document by the tests."""
    return Response(orjson.dumps(content, default=_inner), media_type="application/json")


def _inner(value: Frozen) -> Json:
    """A value within an entry."""
    return value.model_dump()


def entry(shown: Entry) -> Json:
    """One entry; a field that nobody told is null."""
    return {**vars(shown), "message": sentence(shown), "changes": changes(shown)}


def entries(shown: Iterable[Entry]) -> list[Json]:
    """Several of them, in their order."""
    return [entry(each) for each in shown]


def freshness(known: Freshness) -> Json:
    """What every answer carries: up to when it is complete, and what it may lack."""
    return {"as_of": known.as_of, "warnings": list(known.warnings)}
