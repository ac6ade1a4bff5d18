"""What of a request goes on: all of it as it came, or without carriers, or without any audit event."""

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope

from otel_audit import wire
from receiver.forward.outline import REQUEST, RESOURCE, SCOPE, each_part
from receiver.signal import LOGS, Signal

#: Without these bytes there is nothing to take out; searching costs less than reading.
_CARRIERS = wire.SCOPE.encode()
_MARK = wire.PREFIX.encode()


def outgoing(signal: Signal, body: bytes, marked: bool, strip: bool) -> bytes | None:
    """The bytes that go on; None when nothing is left.

    *body* itself wherever nothing has to be taken out, and its very bytes around what is. *marked* says
    whether ``audit.`` is in it.
    """
    if not marked or (not strip and not _holds(body, _CARRIERS)):
        return body
    return each_part(REQUEST.FromString(body), body, lambda part: _resource(signal, part, strip))


def _resource(signal: Signal, body: bytes, strip: bool) -> bytes | None:
    if not _holds(body, _MARK) and not _holds(body, _CARRIERS):
        return body
    return each_part(RESOURCE.FromString(body), body, lambda part: _scope(signal, part, strip))


def _scope(signal: Signal, body: bytes, strip: bool) -> bytes | None:
    outline = SCOPE.FromString(body)
    if InstrumentationScope.FromString(outline.scope).name == wire.SCOPE:
        return None
    if not strip or not _holds(body, _MARK):
        return body
    return each_part(outline, body, lambda part: _stripped(signal, part))


def _stripped(signal: Signal, body: bytes) -> bytes | None:
    """A span without its audit events; None for a log record that is one."""
    if not _holds(body, _MARK):
        return body
    record = signal.record.FromString(body)
    if signal is LOGS:
        return None if _is_audit_event(record) and _is_named(record) else body
    places = [place for place, event in enumerate(record.events) if _is_audit_event(event)]
    for place in reversed(places):
        del record.events[place]
    return bytes(record.SerializeToString()) if places else body


def _holds(body: bytes, text: bytes) -> bool:
    # From the end, because CPython does that several times as fast on most bodies.
    return body.rfind(text) >= 0


def _is_audit_event(candidate: Any) -> bool:
    return wire.is_audit_event(pair.key for pair in candidate.attributes)


def _is_named(record: Any) -> bool:
    """Whether a log record is an event: it says which, in the field for it or as records did before there was one."""
    return bool(record.event_name) or any(
        pair.key == "event.name" and pair.value.string_value for pair in record.attributes
    )
