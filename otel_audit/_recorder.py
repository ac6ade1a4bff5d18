"""``record()``: one event, its wire attributes, its place in the trace."""

import logging
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol

import uuid_utils
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from otel_audit import _transaction, _value, wire
from otel_audit._config import GUARANTEES, Guarantee
from otel_audit._context import Facts, attributes, bound, say_field
from otel_audit._copy import leave_copy
from otel_audit._enforced import Ask
from otel_audit._event import Event
from otel_audit._near_miss import look
from otel_audit._said import say, together
from otel_audit._wrong import Notes
from otel_audit.errors import AuditError, InvalidEvent

_log = logging.getLogger("otel_audit")

Resource = tuple[str, str | int]

#: What an event is called whose call gave it no name.
UNNAMED = "unnamed.event.unknown"


class Recorded(NamedTuple):
    """What ``record()`` did: the event's id, the trace (32 hex digits) it stands in, and the receiver's receipt.

    Only ``enforced`` has a receipt (``<log> <first>-<last>``); the other guarantees return before the answer, and
    inside a database transaction it comes with the commit.
    """

    event_id: str
    trace_id: str
    receipt: str | None = None


class Extra(Facts, total=False):
    """What else may be said of one event; names as in the entry."""

    severity: str | None
    error_type: str | None
    error_message: str | None
    parent_event_id: str | None
    request_body: Any
    response_body: Any


class Outlet(Protocol):
    """Where events go; see :class:`otel_audit._delivery.Delivery`."""

    def put(self, event: Event, span: ReadableSpan | None, guarantee: Guarantee) -> None:
        """Take it."""

    def ask(self, event: Event, span: ReadableSpan | None) -> Ask:
        """Send it at once; what is returned waits for the receipt."""

    def hold(self, event: Event, span: ReadableSpan | None, guarantee: Guarantee) -> _transaction.Pending:
        """Keep it until its transaction has ended."""

    def noted(self) -> None:
        """A call was wrong, and recorded with a note."""

    def failed(self) -> bool:
        """A call could not be recorded at all; whether it is the first."""


class Recorder:
    """Turns calls into events. *now_ns* and *new_id* are handed in so that a test can choose them.

    With *strict* a wrong call raises InvalidEvent; else what can be recorded of it is, with a note.
    """

    def __init__(
        self,
        outlet: Outlet,
        guarantee: Guarantee = "journaled",
        strict: bool = False,
        now_ns: Callable[[], int] = time.time_ns,
        new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7()),
    ) -> None:
        self._outlet = outlet
        self._guarantee = guarantee
        self._strict = strict
        self._now_ns = now_ns
        self._new_id = new_id
        self._ids = RandomIdGenerator()

    def begin(
        self,
        action: str,
        resource: Resource | None,
        before: Any,
        after: Any,
        outcome: str | None,
        reason: str | None,
        metadata: Mapping[str, Any] | None,
        guarantee: Guarantee | None,
        extra: Mapping[str, Any],
    ) -> tuple[Recorded, Ask | None]:
        """Record; what is returned beside is to be waited for. Arguments as :func:`otel_audit.record` takes them."""
        promised = guarantee or self._guarantee
        notes = Notes(self._strict or promised == "enforced")
        try:
            if promised not in GUARANTEES:
                notes.wrong(InvalidEvent(f"guarantee must be one of {', '.join(GUARANTEES)}, not {promised!r}"))
                promised = self._guarantee
            told = _told(resource, before, after, outcome, reason, metadata, extra, notes)
            if self._strict:
                look(action)
            event_id = self._new_id()
            name, around = _name(action, notes), bound()
            own = say(told, notes, around.attributes.get(wire.ACTOR_TYPE))
            encoded = together(name, event_id, around, own)
            if notes.any:
                self._outlet.noted()
            return self._place(event_id, encoded, promised)
        except AuditError:
            raise
        except Exception:
            # Our own mistake: the business goes on, unless it asked not to.
            if self._strict or promised == "enforced":
                raise
            if self._outlet.failed():
                _log.exception("audit event could not be recorded")
            return Recorded("", ""), None

    def _place(self, event_id: str, encoded: bytes, guarantee: Guarantee) -> tuple[Recorded, Ask | None]:
        """The event in its trace and, unless a transaction holds it, on its way."""
        span = trace.get_current_span()
        context = span.get_span_context()
        if context.is_valid:
            event = Event(encoded, self._now_ns(), context.trace_id, context.span_id)
        else:
            event = Event(encoded, self._now_ns(), self._ids.generate_trace_id(), 0)
        shown = span if isinstance(span, ReadableSpan) and span.is_recording() else None
        recorded = Recorded(event_id, f"{event.trace_id:032x}")
        transaction = _transaction.current()
        if transaction is not None:
            # Its copy is left once it is sure to be true.
            transaction.add(self._outlet.hold(event, shown, guarantee))
            return recorded, None
        if shown is not None:
            leave_copy(shown, event)
        if guarantee == "enforced":
            return recorded, self._outlet.ask(event, shown)
        self._outlet.put(event, shown, guarantee)
        return recorded, None


def _name(action: Any, notes: Notes) -> str:
    if type(action) is str and action.isascii() and action and not action.isspace():
        return action
    name = "" if action is None else _value.lenient(action.value if isinstance(action, Enum) else action)
    if not name.strip():
        notes.wrong(InvalidEvent(f"an action needs a name, not {_value.salvage(action)!r}"))
        return UNNAMED
    return name


def _told(
    resource: Any,
    before: Any,
    after: Any,
    outcome: str | None,
    reason: str | None,
    metadata: Any,
    extra: Mapping[str, Any],
    notes: Notes,
) -> dict[str, Any]:
    """Everything that the call says of the event, as attributes."""
    told = attributes(extra, notes) if extra else {}
    if outcome is not None:
        say_field(told, "outcome", outcome, notes)
    if reason is not None:
        say_field(told, "reason", reason, notes)
    if resource is not None:
        try:
            kind, identity = resource
            told[wire.TARGET_TYPE], told[wire.TARGET_ID] = _value.text(kind), _value.text(identity)
        except (TypeError, ValueError, InvalidEvent):
            notes.wrong(InvalidEvent(f"resource must be (type, id), not {_value.salvage(resource)!r}"))
            told[f"{wire.METADATA}resource"] = _value.salvage(resource)
    if before is not None:
        told[wire.BEFORE] = _state(wire.BEFORE, before, notes)
    if after is not None:
        told[wire.AFTER] = _state(wire.AFTER, after, notes)
    if metadata:
        try:
            for key, value in metadata.items():
                told[f"{wire.METADATA}{key}"] = value
        except Exception:
            notes.wrong(InvalidEvent(f"metadata must be a mapping, not {type(metadata).__name__}"))
            told[f"{wire.METADATA}metadata"] = _value.salvage(metadata)
    return told


def _state(key: str, state: Any, notes: Notes) -> str:
    try:
        return _value.state(state)
    except InvalidEvent as error:
        notes.wrong(InvalidEvent(f"{key}: {error}"))
        return _value.state(_value.salvage(state))
