"""Two different events with one id, from receivers that share an index."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson

from otel_audit.canonical import unix_ns
from otel_audit.entry import Entry, Integrity
from receiver.errors import Busy, Damaged, Unavailable
from receiver.index.partition import OUTLIER
from receiver.index.port import Filed
from receiver.journal import table
from receiver.row import Draft

#: Returns when the drafts are durable, to be journalled as quarantined.
SetAside = Callable[[Sequence[Draft]], None]


class Conflict(NamedTuple):
    """An entry that cannot stand in the index, and where the one that does is logged."""

    filed: Filed
    other: Integrity | None


def quarantined(conflict: Conflict) -> Draft:
    """What is kept of the entry: all it said, why it is not in the index, and which log has the other."""
    draft = table.quarantined(_draft(conflict.filed))
    other = None if conflict.other is None else {"log": conflict.other.log, "index": conflict.other.index}
    return replace(draft, values=orjson.dumps(orjson.loads(draft.values) | {"other": other}))


def patient(append: SetAside) -> SetAside:
    """*append*, where Busy is a place that does not answer now: the writer waits for it as it does for its server."""

    def set_aside(drafts: Sequence[Draft]) -> None:
        try:
            append(drafts)
        except Busy as error:
            raise Unavailable(str(error), error.retry_after_s) from error

    return set_aside


def nowhere(drafts: Sequence[Draft]) -> None:
    """The place of a writer that was given none: it stops rather than pass over a conflict."""
    raise Damaged(
        f"{len(drafts)} events have an id that stands for another receiver's different event",
        "run the follower, which sets them aside",
    )


def _draft(filed: Filed) -> Draft:
    """The entry as it was before it was numbered."""
    entry = filed.entry
    seen = {field: getattr(entry, field) for field in entry.seen}
    return Draft(
        kind="entry",
        tenant=entry.tenant,
        event_id=entry.event_id,
        digest=filed.digest or b"",
        values=orjson.dumps(_said(entry)),
        seen=orjson.dumps(seen),
        outlier=filed.partition == OUTLIER,
        received_ns=unix_ns(entry.received_at or entry.timestamp),
    )


def _said(entry: Entry) -> dict[str, object]:
    said = entry.model_dump(exclude_defaults=True, exclude={"seen", "integrity", *entry.seen})
    signature = None if entry.integrity is None else entry.integrity.signature
    signed = {} if signature is None else {"integrity": {"signature": signature.model_dump()}}
    return {**said, "tenant": entry.tenant, **signed}
