"""OTLP's spans as the spans we keep."""

from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_audit import wire
from receiver.traces.decode import spans_of
from receiver.traces.span import SpanError
from tests.receiver.otlp.requests import INNER_SPAN, SERVER_SPAN, TRACE, add, key_values, request, span


def _exception(**said: str) -> Span.Event:
    return Span.Event(name="exception", attributes=key_values({f"exception.{key}": text for key, text in said.items()}))


def _one(*events: Span.Event, status: Status | None = None, **fields: Any) -> Any:
    sent = span(*events, **fields)
    if status is not None:
        sent.status.CopyFrom(status)
    [found] = spans_of(request(sent).SerializeToString(), "acme")
    return found


def test_a_span_keeps_what_the_join_needs():
    """Ids as lower-case hex, its service, its kind and status in words, and its links."""
    sent = span(kind=Span.SPAN_KIND_CLIENT, attributes={"http.request.method": "GET", "n": [1, None]})
    sent.links.add(trace_id=b"l" * 16, span_id=b"s" * 8)
    [found] = spans_of(request(sent).SerializeToString(), "acme")
    assert (found.tenant, found.trace_id, found.span_id) == ("acme", TRACE.hex(), INNER_SPAN.hex())
    assert (found.parent_span_id, found.service) == (SERVER_SPAN.hex(), "shop")
    assert (found.name, found.kind, found.status, found.error) == ("work", "client", "ok", None)
    assert (found.start_ns, found.end_ns) == (sent.start_time_unix_nano, sent.end_time_unix_nano)
    assert found.attributes == {"http.request.method": "GET", "n": [1, None]}
    assert found.links == (((b"l" * 16).hex(), (b"s" * 8).hex()),)


def test_a_root_has_no_parent():
    """Whether the parent's id is left out or all zero."""
    assert [_one(parent=parent).parent_span_id for parent in (b"", bytes(8))] == [None, None]


def test_the_last_exception_is_the_error():
    """With its type, message and stack, though the status says something too."""
    first, last = _exception(type="KeyError"), _exception(type="ValueError", message="no", stacktrace="at 1")
    failed = Status(code=Status.STATUS_CODE_ERROR, message="status")
    assert _one(first, last, status=failed).error == SpanError("ValueError", "no", "at 1")


def test_without_an_exception_the_status_tells_the_error():
    """Its message, if there is one."""
    assert _one(status=Status(code=Status.STATUS_CODE_ERROR, message="boom")).error == SpanError(None, "boom")
    assert _one(status=Status(code=Status.STATUS_CODE_ERROR)).error == SpanError(None, None)


def test_a_kind_or_status_from_the_future_is_kept_plain():
    """A number we do not know is no reason to lose the span."""
    found = _one(kind=99, status=Status(code=99))
    assert (found.kind, found.status) == ("unspecified", "unset")


def test_carriers_and_spans_without_ids_are_left_out():
    """What only carries an event, and what nothing can refer to, is no span of the trace."""
    whole = request(span(span_id=bytes(8)), span(span_id=b"short"), span(trace_id=bytes(16)), span(name="good"))
    add(whole, span(name="carrier"), scope=wire.SCOPE)
    assert [each.name for each in spans_of(whole.SerializeToString(), "default")] == ["good"]
