"""A dead letter as it can be shown: what is known of an event that is no entry, or of an entry that is not indexed."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_audit.redact import Redactor
from receiver.anyvalue import attributes_of
from receiver.deadletter import State
from receiver.refused import Refusal
from receiver.row import Row

Kind = Literal["quarantined", "refused"]

#: Fields of what an entry says that stand beside its attributes.
_BESIDE = ("received_at", "sender", "tenant", "event_id", "trace_id", "span_id", "service_name", "action")


@dataclass(frozen=True, slots=True)
class Letter:
    """One of them. *seq* is its row in the journal, *other* where the entry is logged that has its id.

    ``attributes`` are those of the event, redacted; of what was read as far as an entry, its fields.
    """

    seq: int
    kind: Kind
    state: State
    reason: str
    received_at: str | None
    sender: Mapping[str, Any] | None
    service: str | None
    name: str | None
    trace_id: str | None
    span_id: str | None
    event_id: str | None
    attributes: Mapping[str, Any]
    is_conflict: bool = False
    other: Mapping[str, Any] | None = None


def of_row(row: Row, state: State) -> Letter:
    """What the journal keeps of an event that was set aside."""
    kept = orjson.loads(row.values)
    if "said" in kept:
        said = {**kept["said"], "received_at": kept["received_at"], "sender": kept["sender"]}
        return _of_said(row.seq, "quarantined", state, kept["reason"], said, is_conflict=True, other=kept.get("other"))
    sent = _sent(kept)
    return Letter(
        seq=row.seq,
        kind="quarantined",
        state=state,
        reason=kept["reason"],
        received_at=kept["received_at"],
        sender=kept["sender"],
        service=kept.get("service_name"),
        name=sent.name,
        trace_id=sent.trace_id,
        span_id=sent.span_id,
        event_id=None,
        attributes=sent.attributes,
    )


def of_refusal(refusal: Refusal) -> Letter:
    """What the index does not take, as it was handed to it."""
    return _of_said(refusal.seq, "refused", "open", refusal.reason, orjson.loads(refusal.entry))


def _of_said(seq: int, kind: Kind, state: State, reason: str, said: Mapping[str, Any], **more: Any) -> Letter:
    return Letter(
        seq=seq,
        kind=kind,
        state=state,
        reason=reason,
        received_at=said.get("received_at"),
        sender=said.get("sender"),
        service=said.get("service_name"),
        name=said.get("action"),
        trace_id=said.get("trace_id"),
        span_id=said.get("span_id"),
        event_id=said.get("event_id"),
        attributes={name: value for name, value in said.items() if name not in _BESIDE},
        **more,
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    name: str
    trace_id: str | None
    span_id: str | None
    attributes: Mapping[str, Any]


def _sent(kept: Mapping[str, Any]) -> _Sent:
    """The one event in the request that was kept of it."""
    raw = b64decode(kept["raw"])
    if kept.get("signal") == "logs":
        [record] = ExportLogsServiceRequest.FromString(raw).resource_logs[0].scope_logs[0].log_records
        return _Sent(record.event_name, *_ids(record), _clean(record.attributes))
    [span] = ExportTraceServiceRequest.FromString(raw).resource_spans[0].scope_spans[0].spans
    [event] = span.events
    return _Sent(event.name, *_ids(span), _clean(event.attributes))


def _ids(holder: Span | LogRecord) -> tuple[str | None, str | None]:
    return holder.trace_id.hex() or None, holder.span_id.hex() or None


#: It was redacted at receipt; what an older version kept as it was must not be shown either.
_REDACTOR = Redactor()


def _clean(attributes: Iterable[KeyValue]) -> Mapping[str, Any]:
    clean, _ = _REDACTOR.redact(attributes_of(attributes))
    return clean
