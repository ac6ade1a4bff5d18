"""``record()``: one event, its wire attributes, its place in the trace."""

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Unpack

import uuid_utils
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from otel_audit import _value, wire
from otel_audit._carrier import Event
from otel_audit._context import Facts, attributes, bound
from otel_audit._fork import in_every_child
from otel_audit.errors import InvalidEvent

#: Visible copies on one span; more would evict the application's own events (128 a span by default).
COPIES_MAX = 32

Resource = tuple[str, str | int]


class Recorded(NamedTuple):
    """What ``record()`` did: the event's id, the trace (32 hex digits) it stands in, and the receiver's receipt.

    Only a guarantee that waits for the receiver's answer has a receipt; ``best_effort`` returns before.
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


class Recorder:
    """Turns calls into events. *now_ns* and *new_id* are handed in so that a test can choose them."""

    def __init__(
        self,
        deliver: Callable[[Event], bool],
        departure_s: float = 2.0,
        now_ns: Callable[[], int] = time.time_ns,
        new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7()),
    ) -> None:
        self._deliver = deliver
        self._departure_s = departure_s
        self._now_ns = now_ns
        self._new_id = new_id
        self._ids = RandomIdGenerator()
        self._copies: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._begin_stream()
        in_every_child(self._begin_stream)

    def _begin_stream(self) -> None:
        """A stream belongs to one process: a forked child begins its own."""
        self._source_id = str(uuid_utils.uuid7())
        self._sequence = 0
        self._order = threading.Lock()

    def record(
        self,
        action: str,
        resource: Resource | None = None,
        *,
        before: Any = None,
        after: Any = None,
        outcome: str | None = None,
        reason: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **extra: Unpack[Extra],
    ) -> Recorded:
        """See :func:`otel_audit.record`."""
        if not isinstance(action, str) or not action.strip():
            raise InvalidEvent("an action needs a name")
        said = {**bound(), **attributes({"outcome": outcome, "reason": reason, **extra})}
        _say_resource(said, resource)
        if before is not None:
            said[wire.BEFORE] = wire.state_text(before)
        if after is not None:
            said[wire.AFTER] = wire.state_text(after)
        for key, value in (metadata or {}).items():
            said[_value.text(f"{wire.METADATA}{key}")] = _value.attribute(value)
        event_id = said[wire.RECORD_ID] = self._new_id()
        said[wire.SCHEMA] = wire.SCHEMA_VERSION
        return Recorded(event_id, self._send(_value.text(action), said))

    def _send(self, action: str, said: dict[str, Any]) -> str:
        """Hand the event over, number it, and leave its visible copy; returns the trace id."""
        span = trace.get_current_span()
        context = span.get_span_context()
        trace_id = context.trace_id if context.is_valid else self._ids.generate_trace_id()
        shown = span if isinstance(span, ReadableSpan) and span.is_recording() else None
        now = self._now_ns()
        due = time.monotonic() + self._departure_s
        if shown is not None:
            self._copy(span, action, said, now)
        with self._order:
            # Numbered only once taken: a number that was given out and never sent would look like a loss.
            said[wire.SOURCE_ID] = self._source_id
            said[wire.SEQUENCE] = self._sequence + 1
            if self._deliver(
                Event(action, now, said, trace_id, context.span_id if context.is_valid else 0, shown, due)
            ):
                self._sequence += 1
        return f"{trace_id:032x}"

    def _copy(self, span: Any, action: str, said: Mapping[str, Any], now: int) -> None:
        """The copy people see on the span in their trace UI; the receiver passes it over."""
        copies = self._copies.get(span, 0)
        if copies < COPIES_MAX:
            self._copies[span] = copies + 1
            span.add_event(action, {**said, wire.COPY: True}, timestamp=now)


def _say_resource(said: dict[str, Any], resource: Resource | None) -> None:
    if resource is None:
        return
    try:
        kind, identity = resource
    except (TypeError, ValueError):
        raise InvalidEvent(f"resource must be (type, id), not {resource!r}") from None
    said[wire.TARGET_TYPE], said[wire.TARGET_ID] = _value.text(kind), _value.text(identity)
