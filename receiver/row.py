"""What stands in the journal, before and after it was numbered."""

from dataclasses import dataclass
from typing import Literal

import orjson

from otel_audit.entry import Entry

Kind = Literal["entry", "quarantined", "report"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A row the journal has not numbered yet.

    ``digest`` is what a repeat is compared by: name, time as sent, trace id, span id and the event's own
    attributes. ``values`` is JSON: of an entry or a report the said fields (``event_id``, ``timestamp``,
    ``received_at``, ``sender`` and ``tenant`` among them); of what is quarantined ``reason``, ``received_at``,
    ``sender``, ``raw`` (base64 of a request with this one event) and, where it says them, ``service_name`` and
    ``source``. ``seen`` is JSON of what the trace showed. ``anomalies`` stand in ``values``, too.
    """

    kind: Kind
    tenant: str
    event_id: str | None
    digest: bytes
    values: bytes
    seen: bytes
    outlier: bool
    received_ns: int
    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the journal. ``seq`` counts all rows from 1; ``index`` is dense, from 0, and entries alone have one.

    ``digest`` is the draft's.
    """

    seq: int
    kind: Kind
    tenant: str
    event_id: str | None
    index: int | None
    values: bytes
    seen: bytes
    outlier: bool
    received_ns: int
    digest: bytes | None = None


def entry_of(row: Row, log: str) -> Entry:
    """The entry a row of kind ``entry`` holds; what was said wins over what was seen."""
    if row.index is None:
        raise ValueError(f"row {row.seq} is {row.kind}, not an entry")
    said = orjson.loads(row.values)
    seen = {field: value for field, value in orjson.loads(row.seen).items() if field not in said}
    integrity = {**said.pop("integrity", {}), "log": log, "index": row.index}
    return Entry(**said, **seen, integrity=integrity, seen=tuple(seen))
