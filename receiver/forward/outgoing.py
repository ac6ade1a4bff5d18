"""What of a request goes on: all of it as it came, or without carriers, or without any audit event."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from otel_audit import wire
from receiver.forward.signal import LOGS, Signal


def outgoing(signal: Signal, body: bytes, request: Message | None, strip: bool) -> bytes | None:
    """The bytes that go on; None when nothing is left.

    *body* itself wherever nothing has to be taken out. *request* is the same parsed, None when no ``audit.`` is in it;
    it stays as it is.
    """
    if request is None:
        return body
    scopes = [scope for resource in signal.resources_of(request) for scope in signal.scopes_of(resource)]
    if not strip and not any(map(_is_carriers, scopes)):
        return body if scopes else None
    left = type(request)()
    left.CopyFrom(request)
    taken = _take_out(signal, left, strip)
    if not signal.resources_of(left):
        return None
    return left.SerializeToString() if taken else body


def _take_out(signal: Signal, request: Message, strip: bool) -> int:
    """Take out of *request* what does not go on, and what holds nothing then; the number of things taken."""
    taken = 0
    resources = signal.resources_of(request)
    for resource in resources:
        scopes = signal.scopes_of(resource)
        taken += _remove(scopes, _is_carriers)
        if strip:
            taken += sum(_strip(signal, scope) for scope in scopes)
            _remove(scopes, lambda scope: not signal.records_of(scope))
    _remove(resources, lambda resource: not signal.scopes_of(resource))
    return taken


def _strip(signal: Signal, scope: Any) -> int:
    records = signal.records_of(scope)
    if signal is LOGS:
        return _remove(records, lambda record: _is_audit_event(record) and _is_named(record))
    return sum(_remove(span.events, _is_audit_event) for span in records)


def _is_carriers(scope: Any) -> bool:
    return bool(scope.scope.name == wire.SCOPE)


def _is_audit_event(candidate: Any) -> bool:
    return wire.is_audit_event(pair.key for pair in candidate.attributes)


def _is_named(record: Any) -> bool:
    """Whether a log record is an event: it says which, in the field for it or as records did before there was one."""
    return bool(record.event_name) or any(
        pair.key == "event.name" and pair.value.string_value for pair in record.attributes
    )


def _remove(items: Any, unwanted: Callable[[Any], Any]) -> int:
    """Delete what is *unwanted* from a repeated field; how many there were."""
    places = [place for place, item in enumerate(items) if unwanted(item)]
    for place in reversed(places):
        del items[place]
    return len(places)
