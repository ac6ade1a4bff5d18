"""Protobuf bodies: read whole, or checked by their outermost fields alone."""

import random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.errors import Refused
from receiver.otlp.decode import has_resources, parsed
from tests.receiver.otlp.requests import request, server_span, span

BODY = request(span(), server_span()).SerializeToString()


def test_a_request_has_resources() -> None:
    """However many requests were joined by their bytes."""
    assert has_resources(BODY)
    assert has_resources(BODY * 3)


def test_an_empty_request_is_a_request() -> None:
    """It has none."""
    assert not has_resources(b"")


@pytest.mark.parametrize("unknown", [b"\x08\x01", b"\x10\x05", b"\x12\x01x", b"\x19" + bytes(8), b"\x1d" + bytes(4)])
def test_unknown_fields_are_stepped_over(unknown: bytes) -> None:
    """A later version of the protocol may add some, of any wire type."""
    assert has_resources(unknown + BODY)
    assert not has_resources(unknown)


@pytest.mark.parametrize("cut", [1, 2, 10, len(BODY) - 1])
def test_a_torn_body_is_refused(cut: int) -> None:
    """A prefix that ends inside a field is no request."""
    with pytest.raises(Refused):
        has_resources(BODY[:-cut])


@pytest.mark.parametrize("body", [b"\x02", b"\x0b", b"\x0f", b"\xff" * 11, b"hello world"])
def test_what_is_no_protobuf_is_refused(body: bytes) -> None:
    """Field zero, groups, endless numbers, text."""
    with pytest.raises(Refused):
        has_resources(body)
    with pytest.raises(Refused):
        parsed(ExportTraceServiceRequest, body)


def test_the_check_never_fails_otherwise() -> None:
    """Any bytes are a request or Refused."""
    chance = random.Random(7)
    for _ in range(2000):
        body = chance.randbytes(chance.randrange(20))
        try:
            has_resources(body)
        except Refused:
            continue
