"""An entry as an Elasticsearch document in ECS, and back, bit by bit.

Most fields stand in the document as they are. What the server would refuse or alter is cleaned for searching,
and stands exactly in ``audit.exact``, as JSON text: the server never looks into it, whatever the keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import orjson

from otel_audit.canonical import rfc3339
from otel_audit.catalog import SEVERITIES, meaning_of
from otel_audit.entry import Entry
from receiver.index.cleaning import LONG_MAX, clean_state, is_address, is_long
from receiver.index.moment import event_ns, received_ns
from receiver.index.money import amount_of, currency_of, numbers_of
from receiver.index.words import searched_words
from receiver.sentence import sentence

Document = dict[str, Any]

ECS_VERSION = "8.11.0"
DATASET = "audit.events"
NS_PER_MS = 1_000_000

#: Texts, and lists of texts, that stand in the document as they are.
PLAIN = {
    "event_id": "event.id",
    "action": "event.action",
    "outcome": "event.outcome",
    "severity": "log.level",
    "reason": "event.reason",
    "tenant": "audit.tenant",
    "actor_type": "audit.actor.type",
    "user_id": "user.id",
    "user_email": "user.email",
    "user_roles": "user.roles",
    "session_id": "session.id",
    "ip_address": "client.address",
    "user_agent": "user_agent.original",
    "resource_type": "audit.resource.type",
    "resource_id": "audit.resource.id",
    "error_type": "error.type",
    "error_message": "error.message",
    "parent_event_id": "audit.parent.id",
    "related": "audit.related",
    "anomalies": "audit.anomalies",
    "request_id": "http.request.id",
    "http_method": "http.request.method",
    "path": "url.path",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "parent_span_id": "parent.id",
    "span_name": "span.name",
    "span_kind": "span.kind",
    "span_status": "span.status",
    "service_name": "service.name",
    "service_version": "service.version",
    "service_instance_id": "service.node.name",
    "environment": "service.environment",
    "seen": "audit.seen",
}

#: Fields of any shape, searched as ``flattened``.
STATES = {
    "previous_state": "audit.previous_state",
    "new_state": "audit.new_state",
    "request_body": "audit.request_body",
    "response_body": "audit.response_body",
    "metadata": "audit.metadata",
}

#: Where metadata that is filed as numbers stands, by key.
NUMERIC = "audit.numeric"

#: Small values of our own making.
INNER = {"sender": "audit.sender", "integrity": "audit.integrity"}

#: The fields every document has, so that it can be found at all.
_CORE = ("event_id", "action", "outcome", "severity", "tenant", "trace_id")


def document_of(entry: Entry, numeric: Sequence[str] = ()) -> Document:
    """*entry* in ECS, with what people search and sort by beside it; metadata under *numeric* as numbers too."""
    document: Document = {}
    exact: dict[str, Any] = {}
    _put_times(document, exact, entry)
    said = vars(entry)
    for field, (outer, last) in _PLACES.items():
        value = said[field]
        if value is not None and value != ():
            inner = document
            for key in outer:
                inner = inner.setdefault(key, {})
            inner[last] = value
    for field, path in STATES.items():
        if (value := said[field]) is not None and (field != "metadata" or value):
            _put_altered(document, exact, (field, path), value, clean_state(value))
    _put_numbers(document, exact, entry)
    _put_inner(document, exact, entry)
    for path, value in _derived(entry):
        if value is not None:
            _put(document, path, value)
    for key, number in numbers_of(entry, numeric):
        _put(document, f"{NUMERIC}.{key}", number)
    _put_exact(document, exact)
    return document


def minimal_document_of(entry: Entry) -> Document:
    """*entry* with its core fields alone, and all of it in ``audit.exact``: what no server can refuse."""
    document: Document = {}
    exact = entry.model_dump(exclude_defaults=True)
    _put_times(document, exact, entry)
    for field in _CORE:
        if (value := getattr(entry, field)) is not None:
            _put(document, PLAIN[field], value)
    _put_exact(document, exact)
    return document


def is_minimal(document: Mapping[str, Any]) -> bool:
    """Whether it was made by :func:`minimal_document_of`."""
    return "event_id" in (_at(document, "audit.exact") or {})


def entry_from(document: Mapping[str, Any]) -> Entry:
    """The entry :func:`document_of` was given."""
    fields: dict[str, Any] = {}
    _gather(document, _READ, fields)
    if (nanoseconds := fields.pop(_DURATION, None)) is not None:
        fields["duration_ms"] = nanoseconds / NS_PER_MS
    sequence = fields.pop(_SEQUENCE, None)
    if (source := fields.pop(_SOURCE, None)) is not None:
        fields["source"] = {"id": source, "sequence": sequence}
    exact = fields.pop(_EXACT, None) or {}
    return Entry.kept(fields | {field: orjson.loads(text) for field, text in exact.items()})


def _gather(document: Mapping[str, Any], places: Mapping[str, Any], fields: dict[str, Any]) -> None:
    """Put what *document* says at *places* into *fields*; what is not there, or null, is not said."""
    for key, value in document.items():
        place = places.get(key)
        if place is None or value is None:
            continue
        if isinstance(place, str):
            fields[place] = value
        else:
            _gather(value, place, fields)


# -- what may have to be altered --------------------------------------------------------------------------


def _put_times(document: Document, exact: dict[str, Any], entry: Entry) -> None:
    happened, received = rfc3339(event_ns(entry)), rfc3339(received_ns(entry))
    _put_altered(document, exact, ("timestamp", "@timestamp"), entry.timestamp, happened)
    _put_altered(document, exact, ("received_at", "event.ingested"), entry.received_at, received)


def _put_numbers(document: Document, exact: dict[str, Any], entry: Entry) -> None:
    if is_long(entry.status_code):
        _put(document, "http.response.status_code", entry.status_code)
    elif entry.status_code is not None:
        exact["status_code"] = entry.status_code
    if (duration := entry.duration_ms) is not None:
        nanoseconds = round(duration * NS_PER_MS) if 0 <= duration * NS_PER_MS < LONG_MAX else 0
        _put(document, "event.duration", nanoseconds)
        if nanoseconds / NS_PER_MS != duration:
            exact["duration_ms"] = duration


def _put_inner(document: Document, exact: dict[str, Any], entry: Entry) -> None:
    for field, path in INNER.items():
        if (value := getattr(entry, field)) is not None:
            _put(document, path, value.model_dump(exclude_none=True))
    if entry.source is None:
        return
    _put(document, "audit.source.id", entry.source.id)
    if is_long(entry.source.sequence):
        _put(document, "event.sequence", entry.source.sequence)
    elif entry.source.sequence is not None:
        exact["source"] = entry.source.model_dump()


def _put_altered(document: Document, exact: dict[str, Any], place: tuple[str, str], value: Any, cleaned: Any) -> None:
    """Put *cleaned* at the place's path; where it is not *value*, that stands exactly under the place's field."""
    field, path = place
    _put(document, path, cleaned)
    if cleaned != value:
        exact[field] = value


def _put_exact(document: Document, exact: Mapping[str, Any]) -> None:
    if exact:
        _put(document, "audit.exact", {field: orjson.dumps(value).decode() for field, value in exact.items()})


# -- what is said in other words for searching, and never read back ---------------------------------------


def _derived(entry: Entry) -> Iterator[tuple[str, Any]]:
    meaning = meaning_of(entry.action, entry.outcome)
    message = sentence(entry)
    address = entry.ip_address if is_address(entry.ip_address) else None
    users = [name for name in (entry.user_id, entry.user_email) if name]
    yield "ecs.version", ECS_VERSION
    yield "event.kind", "event"
    yield "event.dataset", DATASET
    yield "event.category", [meaning.category] if meaning.category else None
    yield "event.type", [meaning.type] if meaning.type else None
    yield "event.severity", SEVERITIES.index(entry.severity) + 1
    yield "message", message
    yield "source.ip", address
    yield "client.ip", address
    yield "related.ip", [address] if address else None
    yield "related.user", users or None
    yield "audit.changed_fields", _changed_fields(entry) or None
    yield "audit.amount", amount_of(entry)
    yield "audit.currency", currency_of(entry)
    yield "audit.words", searched_words(entry, message)


def _changed_fields(entry: Entry) -> list[str]:
    previous, new = entry.previous_state, entry.new_state
    if not (isinstance(previous, dict) and isinstance(new, dict)):
        return []
    missing = object()
    return sorted(key for key in previous.keys() | new if previous.get(key, missing) != new.get(key, missing))


# -- paths ------------------------------------------------------------------------------------------------


@cache
def _keys(path: str) -> tuple[tuple[str, ...], str]:
    *outer, last = path.split(".")
    return tuple(outer), last


#: Where each of the plain fields stands.
_PLACES = {field: _keys(path) for field, path in PLAIN.items()}


def _put(document: Document, path: str, value: Any) -> None:
    outer, last = _keys(path)
    for key in outer:
        document = document.setdefault(key, {})
    document[last] = value


def _at(document: Mapping[str, Any], path: str) -> Any:
    outer, last = _keys(path)
    for key in outer:
        if (inner := document.get(key)) is None:
            return None
        document = inner
    return document.get(last)


#: Facts of which a field is made.
_DURATION, _SOURCE, _SEQUENCE, _EXACT = ("event.duration", "audit.source.id", "event.sequence", "audit.exact")


def _places() -> Document:
    """What :func:`entry_from` reads: documents as deep as they are, with the field's name in the place of its value."""
    places: Document = {}
    times = {"timestamp": "@timestamp", "received_at": "event.ingested"}
    said = PLAIN | STATES | INNER | times | {"status_code": "http.response.status_code"}
    for field, path in said.items():
        _put(places, path, field)
    for path in (_DURATION, _SOURCE, _SEQUENCE, _EXACT):
        _put(places, path, path)
    return places


_READ = _places()
