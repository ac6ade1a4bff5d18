"""Audit events out of a request: pure, a broken one is set aside and never guessed at."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import orjson

from otel_audit import wire
from otel_audit.canonical import canonical, rfc3339
from otel_audit.redact import Redactor, cut
from receiver.claims import ANYTHING, Claims
from receiver.clock import DAY_NS
from receiver.forward.redaction import redacted
from receiver.otlp.anomalies import anomalies_of
from receiver.otlp.events import Found
from receiver.row import Draft
from receiver.signal import SIGNALS

#: The rules of whoever sets none.
_BY_DEFAULT = Redactor()

#: Further ahead than this an event's time is not believed.
AHEAD_MAX_NS = DAY_NS


@dataclass(frozen=True)
class Reception:
    """What the receiver vouches for: when the request came, whose it is, who handed it in."""

    received_ns: int
    tenant: str = "default"
    sender: str | None = None
    peer: str | None = None
    oldest_days: int = 2555
    claims: Claims = ANYTHING
    event_max_bytes: int = 1024 * 1024
    redactor: Redactor = _BY_DEFAULT

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """The entry fields that say so."""
        return {
            "received_at": rfc3339(self.received_ns),
            "tenant": self.tenant,
            "sender": {"id": self.sender, "peer": self.peer},
        }


@dataclass(frozen=True, slots=True)
class Extracted:
    """The audit events of one request, ready for the journal; *problems* tells what was wrong with each broken one.

    *streams* are those its events say they are of; *dropped_events* and *dropped_attributes* what its senders say
    they dropped themselves.
    """

    entries: tuple[Draft, ...] = ()
    quarantined: tuple[Draft, ...] = ()
    reports: tuple[Draft, ...] = ()
    problems: tuple[str, ...] = ()
    streams: frozenset[str] = frozenset()
    dropped_events: int = 0
    dropped_attributes: int = 0

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """All of them."""
        return self.entries + self.quarantined + self.reports


def extract(events: Iterable[Found], reception: Reception) -> Extracted:
    """Read audit *events*; the broken are set aside with their bytes, the others become drafts."""
    by_kind: dict[str, list[Draft]] = {"entry": [], "quarantined": [], "report": []}
    problems = []
    streams = set()
    dropped: dict[tuple[str | None, str | None], int] = {}
    dropped_attributes = 0
    for found in events:
        streams.add(str(found.attributes.get(wire.SOURCE_ID, "")))
        dropped[found.trace_id, found.span_id] = found.dropped_events  # told by every event of the span
        dropped_attributes += found.dropped_attributes
        try:
            draft = _draft(found, reception)
        except Exception as error:  # whatever it is about this one event, its neighbours are stored
            reason = str(error) if isinstance(error, wire.BrokenEvent) else f"cannot be read: {error!r}"
            problems.append(f"{found.name[:80] or '(no name)'}: {reason}")
            draft = _quarantined(found, reception, reason)
        by_kind[draft.kind].append(draft)
    return Extracted(
        entries=tuple(by_kind["entry"]),
        quarantined=tuple(by_kind["quarantined"]),
        reports=tuple(by_kind["report"]),
        problems=tuple(problems),
        streams=frozenset(streams - {""}),
        dropped_events=sum(dropped.values()),
        dropped_attributes=dropped_attributes,
    )


def _clean(found: Found, reception: Reception) -> Found:
    """*found* without what must not be told, whoever sent it, long fields cut; BrokenEvent when it is too large."""
    encoded = found.encoded()
    if len(encoded) > reception.event_max_bytes:
        raise wire.BrokenEvent(f"has {len(encoded)} bytes, more than {reception.event_max_bytes}")
    redactor = reception.redactor
    if redactor.needed({**found.more, **found.attributes}, encoded):
        found = found._replace(attributes=redactor.redact(found.attributes)[0], more=redactor.redact(found.more)[0])
    field_max_bytes = redactor.rules.field_max_bytes
    if len(encoded) > field_max_bytes:
        found = found._replace(attributes=cut(found.attributes, field_max_bytes), more=cut(found.more, field_max_bytes))
    return found


def _draft(found: Found, reception: Reception) -> Draft:
    """The event as an entry, or as a report; BrokenEvent when it breaks the convention."""
    found = _clean(found, reception)
    time_ns = found.time_ns or reception.received_ns
    said = wire.read_event(found.name, _without_empty(found.attributes))
    said = {
        "event_id": found.attributes.get(wire.RECORD_ID) or found.derived_id(),
        "timestamp": rfc3339(time_ns),
        **reception.facts,
        "trace_id": found.trace_id,
        "span_id": found.span_id,
        **found.resource,
        **said,
        "metadata": {**found.more, **said["metadata"]},
    }
    anomalies = anomalies_of(said, reception.claims, time_ns - reception.received_ns, found)
    if anomalies:
        said["anomalies"] = anomalies
    return Draft(
        kind="report" if found.name == wire.STREAM_REPORT else "entry",
        tenant=reception.tenant,
        event_id=said["event_id"],
        digest=_digest(found),
        values=orjson.dumps({field: value for field, value in said.items() if value is not None}),
        seen=orjson.dumps(found.seen(said)),
        outlier=_is_outlier(time_ns, reception),
        received_ns=reception.received_ns,
        anomalies=anomalies,
    )


def _without_empty(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A convention attribute without a value says nothing; any other is kept as it is."""
    return {key: value for key, value in attributes.items() if value is not None or key not in wire.FIELDS}


def _digest(found: Found) -> bytes:
    """What a repeat is compared by: name, time as sent, trace and span id, the event's own attributes."""
    own = [found.name, str(found.sent_ns), found.trace_id, found.span_id, found.attributes]
    return sha256(canonical(own)).digest()


def _is_outlier(time_ns: int, reception: Reception) -> bool:
    ahead_ns = time_ns - reception.received_ns
    return ahead_ns > AHEAD_MAX_NS or -ahead_ns > reception.oldest_days * DAY_NS


def _quarantined(found: Found, reception: Reception, reason: str) -> Draft:
    """The broken event with everything that is needed to read it again: a request with this one event in it."""
    raw = redacted(SIGNALS[found.signal], found.alone(), reception.redactor)
    facts = reception.facts
    values = {
        "reason": reason,
        "raw": b64encode(raw).decode(),
        "signal": found.signal,
        "received_at": facts["received_at"],
        "sender": facts["sender"],
        "service_name": found.resource.get("service_name"),
        **_place_in_stream(found.attributes),
    }
    return Draft(
        kind="quarantined",
        tenant=reception.tenant,
        event_id=None,
        digest=sha256(raw).digest(),
        values=orjson.dumps(values),
        seen=b"{}",
        outlier=False,
        received_ns=reception.received_ns,
    )


def _place_in_stream(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The number it was sent under: what is broken was received all the same."""
    source_id, sequence = attributes.get(wire.SOURCE_ID), attributes.get(wire.SEQUENCE)
    return {"source": {"id": source_id, "sequence": sequence}} if isinstance(source_id, str) else {}
