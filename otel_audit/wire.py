"""The wire convention, version 1: how an audit event looks as a span event's attributes.

A span event is an audit event when at least one of its attributes has a key starting with ``audit.``.
Names follow OpenTelemetry's audit-logging draft (OTEP 0267) and its semantic conventions; the older
names that stock instrumentation still sends are read too.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args
from uuid import UUID

import orjson

from otel_audit.catalog import SEVERITIES, Outcome, meaning_of
from otel_audit.entry import ActorType

SCHEMA_VERSION = "1"
#: The instrumentation scope of carrier spans.
SCOPE = "otel_audit"

PREFIX = "audit."
COPY = "audit.copy"
RECORD_ID = "audit.record.id"
SCHEMA = "audit.schema.version"
OUTCOME = "audit.outcome"
SEVERITY = "audit.severity"
ACTOR_TYPE = "audit.actor.type"
ACTOR_ID = "audit.actor.id"
TARGET_TYPE = "audit.target.type"
TARGET_ID = "audit.target.id"
BEFORE = "audit.target.before"
AFTER = "audit.target.after"
REASON = "audit.reason"
ERROR_TYPE = "error.type"
ERROR_MESSAGE = "audit.error.message"
PARENT_RECORD_ID = "audit.parent.record.id"
REQUEST_ID = "audit.request.id"
REQUEST_BODY = "audit.request.body"
RESPONSE_BODY = "audit.response.body"
METADATA = "audit.metadata."
SOURCE_ID = "audit.source.id"
SEQUENCE = "audit.sequence.number"
#: What was wrong with the call that recorded the event, where it was recorded all the same.
NOTES = "audit.metadata.otel_audit.notes"
#: The new state that a rolled back transaction never brought about.
ATTEMPTED = "audit.metadata.attempted_state"
SIGNATURE = "audit.integrity.value"
SIGNATURE_KEY = "audit.integrity.key_id"

#: The one action under ``audit.`` a sender may send: what a stream knows of itself.
STREAM_REPORT = "audit.stream.report"
#: In a report: the highest number given out, how many were lost for which reason, and the numbers whose
#: sender stopped waiting for an answer (they may still arrive).
SOURCE_LAST = "audit.source.last"
SOURCE_LOST = "audit.source.lost"
SOURCE_ABANDONED = "audit.source.abandoned"

#: On a carrier: what the application's span showed when the carrier left. A log record has the request's attributes
#: behind this prefix too.
SPAN_PREFIX = "audit.span."
SPAN_NAME = "audit.span.name"
SPAN_KIND = "audit.span.kind"
SPAN_STATUS = "audit.span.status"
SPAN_PARENT = "audit.span.parent_id"
SPAN_DURATION_NS = "audit.span.duration_ns"


_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z")


class BrokenEvent(ValueError):
    """The event breaks the convention; the message says where, in the sender's words."""


def is_audit_event(keys: Any) -> bool:
    """Whether an event with these attribute keys is an audit event."""
    return any(key.startswith(PREFIX) for key in keys)


# -- what each attribute must look like, and the entry's field it fills ------------------------------------


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BrokenEvent(f"{key} must be a string, not {type(value).__name__}")
    return value


def _integer(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BrokenEvent(f"{key} must be an integer, not {type(value).__name__}")
    return value


def _uuid(key: str, value: Any) -> str:
    text = _text(key, value)
    if _CANONICAL_UUID.match(text):  # as nearly all are written, and as UUID() would write it
        return text
    try:
        return str(UUID(text))
    except ValueError:
        raise BrokenEvent(f"{key} must be a UUID, not {value!r:.80}") from None


def _texts(key: str, value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise BrokenEvent(f"{key} must be a list of strings, not {type(value).__name__}")
    return tuple(_text(key, item) for item in items)


def _state(key: str, value: Any) -> Any:
    """JSON text is read, a map is taken as it is, and text that is not JSON stays text."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
    def check(key: str, value: Any) -> str:
        if _text(key, value) not in allowed:
            raise BrokenEvent(f"{key} must be one of {', '.join(allowed)}, not {value!r:.80}")
        return str(value)

    return check


def _without_query(key: str, value: Any) -> str:
    return _text(key, value).partition("?")[0]


#: Attributes of the request, the current name before the older ones.
REQUEST: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "http.request.method": ("http_method", _text),
    "url.path": ("path", _without_query),
    "http.response.status_code": ("status_code", _integer),
    "client.address": ("ip_address", _text),
    "user_agent.original": ("user_agent", _text),
    "http.method": ("http_method", _text),
    "http.target": ("path", _without_query),
    "http.status_code": ("status_code", _integer),
    "http.client_ip": ("ip_address", _text),
    "net.peer.ip": ("ip_address", _text),
    "http.user_agent": ("user_agent", _text),
}

#: Every attribute that fills a field of its own; where several fill one, the first in this table wins.
FIELDS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    RECORD_ID: ("event_id", _uuid),
    OUTCOME: ("outcome", _one_of(*get_args(Outcome))),
    SEVERITY: ("severity", _one_of(*SEVERITIES)),
    ACTOR_TYPE: ("actor_type", _one_of(*get_args(ActorType))),
    "user.id": ("user_id", _text),
    ACTOR_ID: ("user_id", _text),
    "enduser.id": ("user_id", _text),
    "user.email": ("user_email", _text),
    "user.roles": ("user_roles", _texts),
    "session.id": ("session_id", _text),
    TARGET_TYPE: ("resource_type", _text),
    TARGET_ID: ("resource_id", _text),
    BEFORE: ("previous_state", _state),
    AFTER: ("new_state", _state),
    REASON: ("reason", _text),
    ERROR_TYPE: ("error_type", _text),
    ERROR_MESSAGE: ("error_message", _text),
    PARENT_RECORD_ID: ("parent_event_id", _uuid),
    REQUEST_ID: ("request_id", _text),
    REQUEST_BODY: ("request_body", _state),
    RESPONSE_BODY: ("response_body", _state),
    **REQUEST,
}

#: A key's line in that table: where it stands, the key itself, its field and how it is read.
_Place = tuple[int, str, str, Callable[[str, Any], Any]]
_PLACES: Mapping[str, _Place] = {key: (place, key, *line) for place, (key, line) in enumerate(FIELDS.items())}

_APART: Mapping[str, Callable[[str, Any], Any]] = {
    SOURCE_ID: _text,
    SEQUENCE: _integer,
    SIGNATURE: _text,
    SIGNATURE_KEY: _text,
    SCHEMA: _text,
}
_FROM_METADATA = ("ip_address", "user_agent", "session_id")


# -- reading ----------------------------------------------------------------------------------------------


def read_event(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The entry fields an event's *name* and *attributes* say, without the empty ones.

    Raises :class:`BrokenEvent` for an empty name, a value outside a listed set, an id that is no UUID
    or a convention attribute of the wrong type. An attribute that fills no field goes into ``metadata``
    under its full key: nothing is dropped.
    """
    if not name.strip():
        raise BrokenEvent("the event has no name")
    said: dict[str, Any] = {"action": name}
    apart: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    filling: list[_Place] = []
    for key, value in attributes.items():
        if (place := _PLACES.get(key)) is not None:
            filling.append(place)
        elif (check := _APART.get(key)) is not None:
            apart[key] = check(key, value)
        else:
            metadata[key.removeprefix(METADATA)] = value
    filling.sort()
    for _, key, field, read in filling:
        value = attributes[key]
        if field in said:
            metadata[key] = value
            continue
        said[field] = value if read is _text and type(value) is str else read(key, value)
        if read is _without_query and said[field] != value:
            metadata[key] = value
    for field in _FROM_METADATA:
        if field not in said and isinstance(metadata.get(field), str):
            said[field] = metadata[field]
    if SOURCE_ID in apart:
        said["source"] = {"id": apart[SOURCE_ID], "sequence": apart.get(SEQUENCE)}
    elif SEQUENCE in apart:
        metadata[SEQUENCE] = apart[SEQUENCE]
    if SIGNATURE in apart or SIGNATURE_KEY in apart:
        signature = {"value": apart.get(SIGNATURE, ""), "key_id": apart.get(SIGNATURE_KEY, "")}
        said["integrity"] = {"signature": signature}  # log and index join it once the journal has numbered the entry
    if apart.get(SCHEMA, SCHEMA_VERSION) != SCHEMA_VERSION:
        metadata[SCHEMA] = apart[SCHEMA]
    said["metadata"] = metadata
    _derive(said)
    return said


def _derive(said: dict[str, Any]) -> None:
    """Fill in what follows from the name: outcome, severity, the resource's type, related keys, actor type."""
    meaning = meaning_of(said["action"], said.get("outcome"))
    said["outcome"] = meaning.outcome
    said.setdefault("severity", meaning.severity)
    if "resource_type" not in said:
        if meaning.resource_type is not None:
            said["resource_type"] = meaning.resource_type
        elif "resource_id" in said:
            said["resource_type"] = said["action"].partition(".")[0]
    if "actor_type" not in said and "user_id" in said:
        said["actor_type"] = "user"
    said["related"] = _related(said, meaning.ids)


def _related(said: Mapping[str, Any], ids: tuple[str, ...]) -> list[str]:
    """``type:id`` of everything the event names, each once: what ties entries together over traces and services.

    Of the target, of what the catalogue's id fields and metadata keys that end in ``_id`` name, of session and
    request; ``entry:`` names the entry that caused this one.
    """
    metadata = said["metadata"]
    named = [
        (said.get("resource_type"), said.get("resource_id")),
        ("entry", said.get("parent_event_id")),
        *[(name.removesuffix("_id"), metadata.get(name, said.get(name))) for name in ids],
        *[
            (key.rpartition(".")[2].removesuffix("_id"), value)
            for key, value in metadata.items()
            if key.endswith("_id") and key not in ids
        ],
        ("session", said.get("session_id")),
        ("request", said.get("request_id")),
    ]
    return list(dict.fromkeys(f"{kind}:{value}" for kind, value in named if kind and _is_id(value)))


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def read_resource(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The entry fields a resource says: which service, which version, where."""
    found = {
        "service_name": attributes.get("service.name"),
        "service_version": attributes.get("service.version"),
        "service_instance_id": attributes.get("service.instance.id"),
        "environment": attributes.get("deployment.environment.name", attributes.get("deployment.environment")),
    }
    return {field: value for field, value in found.items() if isinstance(value, str)}


def read_request(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The request a span's *attributes* show; what is of the wrong type is passed over, for a span owes us nothing."""
    request: dict[str, Any] = {}
    for key, (field, read) in REQUEST.items():
        if key in attributes and field not in request:
            try:
                request[field] = read(key, attributes[key])
            except BrokenEvent:
                continue
    return request


# -- writing ----------------------------------------------------------------------------------------------

#: Keywords of ``bind()`` and ``record()`` (entry field names) and the attribute that carries each.
ATTRIBUTE_OF: Mapping[str, str] = {
    "user_id": "user.id",
    "user_email": "user.email",
    "user_roles": "user.roles",
    "actor_type": ACTOR_TYPE,
    "session_id": "session.id",
    "ip_address": "client.address",
    "user_agent": "user_agent.original",
    "http_method": "http.request.method",
    "path": "url.path",
    "status_code": "http.response.status_code",
    "request_id": REQUEST_ID,
    "parent_event_id": PARENT_RECORD_ID,
    "request_body": REQUEST_BODY,
    "response_body": RESPONSE_BODY,
    "outcome": OUTCOME,
    "severity": SEVERITY,
    "reason": REASON,
    "error_type": ERROR_TYPE,
    "error_message": ERROR_MESSAGE,
}
