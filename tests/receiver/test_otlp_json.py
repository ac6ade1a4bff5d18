"""Trace requests in JSON."""

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.errors import Refused
from receiver.otlp_json import request_bytes
from receiver.signal import TRACES
from tests.receiver.otlp.requests import NOON, TRACE, event, key_values, request, span

ATTRIBUTES = [
    {"key": "s", "value": {"stringValue": "text"}},
    {"key": "b", "value": {"boolValue": False}},
    {"key": "i", "value": {"intValue": "-7"}},
    {"key": "n", "value": {"intValue": 7}},
    {"key": "d", "value": {"doubleValue": 1.5}},
    {"key": "w", "value": {"doubleValue": 2}},
    {"key": "y", "value": {"bytesValue": "AQI="}},
    {"key": "a", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {}]}}},
    {"key": "m", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}}},
    {"key": "none", "value": {}},
]
PYTHON = {
    "s": "text", "b": False, "i": -7, "n": 7, "d": 1.5, "w": 2.0, "y": b"\x01\x02", "a": ["x", None],
    "m": {"k": 1}, "none": None,
}  # fmt: skip


def parsed(span: dict) -> ExportTraceServiceRequest:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    return ExportTraceServiceRequest.FromString(request_bytes(TRACES, orjson.dumps(body)))


def only_span(said: dict):
    return parsed(said).resource_spans[0].scope_spans[0].spans[0]


def test_every_kind_of_value_is_read() -> None:
    """64-bit numbers as text or number, bytes as base64, nested values, none at all."""
    assert list(only_span({"attributes": ATTRIBUTES}).attributes) == key_values(PYTHON)


def test_a_whole_request_is_the_same_as_in_protobuf() -> None:
    """Ids are hex in either case, enums are numbers, times are text."""
    body = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [
                        {"key": "service.name", "value": {"stringValue": "shop"}},
                        {"key": "service.version", "value": {"stringValue": "1.2"}},
                    ]
                },
                "scopeSpans": [
                    {
                        "scope": {"name": "app"},
                        "spans": [
                            {
                                "traceId": TRACE.hex().upper(),
                                "spanId": "eee19b7ec3c1b174",
                                "parentSpanId": "eee19b7ec3c1b173",
                                "name": "work",
                                "kind": 1,
                                "startTimeUnixNano": str(NOON - 1_000_000),
                                "endTimeUnixNano": NOON + 1_000_000,
                                "status": {"code": 1},
                                "events": [
                                    {
                                        "timeUnixNano": str(NOON),
                                        "name": "user.login.success",
                                        "attributes": [{"key": "audit.reason", "value": {"stringValue": "x"}}],
                                    }
                                ],
                            }
                        ],
                    }
                ],
            }
        ]
    }
    expected = request(span(event(audit__reason="x")))
    assert ExportTraceServiceRequest.FromString(request_bytes(TRACES, orjson.dumps(body))) == expected


def test_names_of_enums_are_read_and_unknown_fields_passed_over() -> None:
    """Senders differ; what they mean is plain."""
    found = only_span({"kind": "SPAN_KIND_CLIENT", "status": {"code": "STATUS_CODE_ERROR"}, "later": {"x": [1]}})
    assert (found.kind, found.status.code) == (3, 2)


def test_null_is_the_default() -> None:
    """As in protobuf's own mapping."""
    assert only_span({"name": None, "events": None, "attributes": None, "status": None}).name == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"resourceSpans": 1}',
        b"\xff\xfe",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"NO_SUCH"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"endTimeUnixNano":-1}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"endTimeUnixNano":"99999999999999999999"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"value":{"bytesValue":"*"}}]}]}]}]}',
        b'{"resourceSpans":[{"resource":{"attributes":[{"value":'
        + b'{"arrayValue":{"values":[' * 90
        + b"]}}" * 90
        + b"}]}}]}",
        b'{"resourceSpans":[{"resource":{"attributes":[{"value":'
        + b'{"arrayValue":{"values":[' * 9000
        + b"]}}" * 9000
        + b"}]}}]}",
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    """Broken JSON, wrong types, what does not fit, what is nested without end."""
    with pytest.raises(Refused):
        request_bytes(TRACES, body)
