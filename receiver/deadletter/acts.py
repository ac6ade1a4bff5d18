"""What is done about a dead place, as entries of the receiver: who, why, and which row."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from receiver.own import is_own, own_draft
from receiver.row import Draft, Row

DROPPED = "audit.deadletter.drop.success"
RETRY_REQUESTED = "audit.deadletter.retry.requested"
RETRIED = "audit.deadletter.retry.success"
NOT_RETRIED = "audit.deadletter.retry.failed"

#: Every one of them has these bytes in its row: no other row is looked into.
_MARK = b'"audit.deadletter.'
_ROW = "row"


class Place(NamedTuple):
    """Where a dead letter lies: whose it is, in which log, at which row."""

    tenant: str
    log: str
    seq: int


class Act(NamedTuple):
    """What the journal says was done: the action, its own id and the one it answers, to which row, and how it went."""

    action: str
    event_id: str
    answers: str | None
    seq: int
    reason: str | None


def dropped(place: Place, who: Mapping[str, Any], why: str, now_ns: int) -> Draft:
    """An administrator hides it."""
    return _draft(DROPPED, place, {**who, "audit.reason": why}, now_ns)


def retry_requested(place: Place, who: Mapping[str, Any], now_ns: int) -> Draft:
    """An administrator wants it tried again."""
    return _draft(RETRY_REQUESTED, place, who, now_ns)


def retried(place: Place, request_id: str, problem: str | None, now_ns: int) -> Draft:
    """How that went: *problem* is what still stands in its way, None when nothing does."""
    told = {"audit.actor.type": "system", "audit.parent.record.id": request_id}
    if problem is None:
        return _draft(RETRIED, place, told, now_ns)
    return _draft(NOT_RETRIED, place, {**told, "audit.reason": problem}, now_ns)


def act_of(row: Row) -> Act | None:
    """The act a row of the journal tells of; None when it tells of none, or a sender made it up."""
    if row.kind != "entry" or _MARK not in row.values:
        return None
    said = orjson.loads(row.values)
    seq = said.get("metadata", {}).get(_ROW)
    if not is_own(said) or not isinstance(seq, int):
        return None
    return Act(said["action"], said["event_id"], said.get("parent_event_id"), seq, said.get("reason"))


def _draft(action: str, place: Place, told: Mapping[str, Any], now_ns: int) -> Draft:
    target = {"audit.target.type": "deadletter", "audit.target.id": f"{place.log}/{place.seq}"}
    return own_draft(action, {**target, **told, f"audit.metadata.{_ROW}": place.seq}, now_ns, tenant=place.tenant)
