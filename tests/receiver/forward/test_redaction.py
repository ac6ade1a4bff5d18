"""Requests without what must not be told."""

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from receiver.forward.redaction import redacted
from receiver.signal import LOGS, TRACES
from tests.receiver.otlp.requests import any_value, event, key_values, request, span

CARD = "4111 1111 1111 1111"
SECRETS = {"password": "hunter2", "api_key": "hunter2"}


def test_what_holds_nothing_is_as_it_came():
    """The very bytes, whatever kinds of values there are."""
    attributes = {"n": 1, "x": 1.5, "t": True, "none": None, "raw": b"\xff\x00", "list": [1, "a"], "map": {"a": {}}}
    body = request(span(event(order="o-1"), attributes=attributes)).SerializeToString()
    assert redacted(TRACES, body) is body


def everywhere() -> ExportTraceServiceRequest:
    whole = request(span(event(**SECRETS), name=f"pay with {CARD}", attributes=SECRETS))
    resource = whole.resource_spans[0]
    resource.resource.attributes.extend(key_values({"db.password": "hunter2"}))
    resource.scope_spans[0].scope.attributes.extend(key_values(SECRETS))
    only = resource.scope_spans[0].spans[0]
    only.status.message = "login with password=hunter2 failed"
    only.links.append(Span.Link(attributes=key_values(SECRETS)))
    return whole


def test_every_place_of_a_trace_is_looked_at():
    """Resource, scope, span, its name and status, events, links; the rest stays as it is, twice is as once."""
    whole = everywhere()
    clean = redacted(TRACES, whole.SerializeToString())
    assert b"hunter2" not in clean
    assert b"4111 1111" not in clean
    read = ExportTraceServiceRequest.FromString(clean).resource_spans[0].scope_spans[0].spans[0]
    assert (read.name, read.trace_id) == (
        "pay with [card …1111]",
        whole.resource_spans[0].scope_spans[0].spans[0].trace_id,
    )
    assert redacted(TRACES, clean) is clean


def test_logs_are_looked_at_body_and_all():
    """Text and maps, as attributes are."""
    whole = ExportLogsServiceRequest()
    records = whole.resource_logs.add().scope_logs.add().log_records
    records.append(LogRecord(body=any_value(f"card {CARD}"), attributes=key_values(SECRETS)))
    records.append(LogRecord(body=any_value({"user": {"password": "hunter2", "id": 7}})))
    read = ExportLogsServiceRequest.FromString(redacted(LOGS, whole.SerializeToString()))
    first, second = read.resource_logs[0].scope_logs[0].log_records
    assert first.body.string_value == "card [card …1111]"
    assert list(first.attributes) == key_values(dict.fromkeys(SECRETS, "[redacted]"))
    assert second.body == any_value({"user": {"password": "[redacted]", "id": 7}})


@pytest.mark.parametrize(
    "value", ["hunter2", b"hunter2", ["hunter2"], {"a": "hunter2"}, 4711, {"deep": [{"b": "hunter2"}]}]
)
def test_a_secret_of_any_kind_is_replaced(value: object):
    """And what stands beside it keeps its kind."""
    beside = {"raw": b"\xff", "list": [1, 2.5, None], "map": {"a": True}}
    whole = request(span(attributes={**beside, "password": value, "inner": {**beside, "token": value}}))
    read = ExportTraceServiceRequest.FromString(redacted(TRACES, whole.SerializeToString()))
    (found,) = read.resource_spans[0].scope_spans[0].spans
    hidden = {**beside, "password": "[redacted]", "inner": {**beside, "token": "[redacted]"}}
    assert list(found.attributes) == key_values(hidden)


def test_a_key_that_comes_twice_hides_nothing():
    """Neither on a span nor in a map: the first of two is looked at like the last."""
    pairs = key_values({"password": "hunter2"}) + key_values({"password": ""})
    whole = request(span())
    only = whole.resource_spans[0].scope_spans[0].spans[0]
    only.attributes.extend(pairs)
    only.attributes.add(key="map").value.kvlist_value.values.extend(pairs)
    assert b"hunter2" not in redacted(TRACES, whole.SerializeToString())


def test_a_torn_request_is_an_error():
    """Never passed on unread."""
    with pytest.raises(DecodeError):
        redacted(TRACES, b"\x0a\x03\x0a\x7f\x01")
