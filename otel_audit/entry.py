"""What an audit entry is: who did what to what, when, from where, with which result, in which trace.

Two kinds of facts stand side by side and are never mixed up. *Said* facts come from the event itself,
its resource, and the receiver that vouches for it; they never change. *Seen* facts come from the trace
around it and may arrive later; :attr:`Entry.seen` lists the fields filled that way.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from otel_audit.catalog import Outcome, Severity

ActorType = Literal["user", "staff", "service", "system", "anonymous"]

#: Fields only the trace can show.
TRACE_FIELDS = ("duration_ms", "span_name", "span_kind", "span_status", "parent_span_id")

#: Fields the event may say itself and the trace shows otherwise.
REQUEST_FIELDS = ("http_method", "path", "status_code", "ip_address", "user_agent")

SEEN_FIELDS = (*TRACE_FIELDS, *REQUEST_FIELDS)


class Frozen(BaseModel):
    """A value that nobody changes and that has no field but the ones named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """The emitting process's stream, and the event's place in it; a hole in the numbers is a lost event."""

    id: str
    sequence: int | None = None


class Sender(Frozen):
    """Who handed the event in: the credential's name (None without authentication) and the peer's address."""

    id: str | None = None
    peer: str | None = None


class Signature(Frozen):
    """The emitter's own signature over what it sent."""

    value: str
    key_id: str


class Integrity(Frozen):
    """Where the entry stands in its log: the log's name and the entry's dense number in it, from 0."""

    log: str
    index: int
    signature: Signature | None = None

    @model_serializer(mode="wrap")
    def _only_what_is_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {field: value for field, value in handler(self).items() if value is not None}


class Entry(Frozen):
    """One audit entry, flat. Times are RFC 3339 in UTC with nanoseconds; trace and span ids lower-case hex.

    A field that neither the event nor its trace told is None (or empty).
    """

    event_id: str
    timestamp: str
    received_at: str | None = None
    action: str
    outcome: Outcome
    severity: Severity
    tenant: str = "default"

    actor_type: ActorType | None = None
    user_id: str | None = None
    user_email: str | None = None
    user_roles: tuple[str, ...] = ()
    session_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None

    resource_type: str | None = None
    resource_id: str | None = None
    previous_state: Any = None
    new_state: Any = None
    reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    parent_event_id: str | None = None
    related: tuple[str, ...] = ()
    anomalies: tuple[str, ...] = ()

    request_id: str | None = None
    http_method: str | None = None
    path: str | None = None
    status_code: int | None = None
    duration_ms: float | None = None
    request_body: Any = None
    response_body: Any = None

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    span_name: str | None = None
    span_kind: str | None = None
    span_status: str | None = None

    service_name: str | None = None
    service_version: str | None = None
    service_instance_id: str | None = None
    environment: str | None = None

    metadata: dict[str, Any] = {}
    source: Source | None = None
    sender: Sender | None = None
    integrity: Integrity | None = None
    seen: tuple[str, ...] = ()

    @classmethod
    def kept(cls, fields: Mapping[str, Any]) -> "Entry":
        """The entry of which *fields*, as plain JSON, were kept; defaults may be left out.

        They are taken as they are, which costs a fifth of looking at each: only for what was an entry before.
        """
        known = {**_DEFAULTS, "metadata": {}, **fields}
        for name in _TUPLES:
            known[name] = tuple(known[name])
        for name, inner in _INNER.items():
            if known[name] is not None:
                known[name] = inner(**known[name])
        entry = cls.__new__(cls)
        # As pydantic's own constructors do it, for what is frozen takes no attributes in the ordinary way.
        object.__setattr__(entry, "__dict__", known)
        object.__setattr__(entry, "__pydantic_fields_set__", set(known))
        object.__setattr__(entry, "__pydantic_extra__", None)
        object.__setattr__(entry, "__pydantic_private__", None)
        return entry


_DEFAULTS = {name: field.default for name, field in Entry.model_fields.items() if not field.is_required()}
_TUPLES = tuple(name for name, default in _DEFAULTS.items() if default == ())
_INNER: Mapping[str, type[Frozen]] = {"source": Source, "sender": Sender, "integrity": Integrity}
