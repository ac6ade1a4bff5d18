"""What a hostile or broken sender may send: refused or bounded, memory flat, others unaffected."""

import gzip
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import zstandard
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from receiver.app import connection
from receiver.metrics import read_states
from tests.parts.receiver import Receiver, running
from tests.receiver.otlp.requests import NOON, event, request, span

PROTOBUF = {"content-type": "application/x-protobuf"}
YEAR_NS = 365 * 86_400 * 1_000_000_000
MIB = 1 << 20


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One for all: each test leaves it as able as it found it."""
    settings = {"OTLP__READ_TIMEOUT_S": "3", "OTLP__HTTP_IN_FLIGHT_MAX": "16"}
    with running(tmp_path_factory.mktemp("bad") / "data", settings) as serving:
        yield serving


def post(receiver: Receiver, body: bytes, **headers: str) -> httpx.Response:
    return httpx.post(f"{receiver.http}/v1/traces", content=body, headers={**PROTOBUF, **headers}, timeout=60)


def resident_mib(receiver: Receiver) -> float:
    """What accept holds in memory."""
    pid = read_states(receiver.data_dir)["accept"]["pid"]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / MIB


def serves(receiver: Receiver, name: str) -> None:
    """An ordinary request is taken."""
    answer = post(receiver, request(span(event(name, audit__x=1))).SerializeToString())
    assert answer.headers["otel-audit-receipt"]


def one(name: str = "bad.input.success", **attributes: Any) -> bytes:
    return request(span(event(name, audit__x=1, **attributes))).SerializeToString()


def test_bombs_do_not_go_off(receiver: Receiver) -> None:
    """413 for what inflates too far, in either compression, and no memory kept."""
    serves(receiver, "before.bombs.success")
    before = resident_mib(receiver)
    for _ in range(5):
        assert post(receiver, gzip.compress(bytes(70 * MIB), 1), **{"content-encoding": "gzip"}).status_code == 413
        assert post(receiver, zstandard.compress(bytes(1 << 30)), **{"content-encoding": "zstd"}).status_code == 413
    assert resident_mib(receiver) < before + 200
    serves(receiver, "after.bombs.success")


def test_a_message_beyond_the_limit_is_refused(receiver: Receiver) -> None:
    """65 MiB: 413, which no sender sends again."""
    assert post(receiver, bytes(65 * MIB)).status_code == 413
    serves(receiver, "after.large.success")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (one("many.success", **{f"k{n}": n for n in range(10_000)}), "ten thousand attributes"),
        (one("huge.success", huge="x" * 1_000_000), "an attribute of a megabyte"),
        (request(span(event("t.1970.success", 1, audit__x=1))).SerializeToString(), "a time in 1970"),
        (request(span(event("t.2100.success", NOON + 74 * YEAR_NS, audit__x=1))).SerializeToString(), "in 2100"),
        (request(Span(events=[event("no.ids.success", audit__x=1)])).SerializeToString(), "no ids"),
        (
            request(
                span(event("zero.ids.success", audit__x=1), span_id=bytes(8), trace_id=bytes(16))
            ).SerializeToString(),
            "ids of zeros",
        ),
        (
            request(span(event("odd.ids.success", audit__x=1), span_id=b"abc", trace_id=b"x" * 99)).SerializeToString(),
            "ids of another length",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_odd_is_kept(receiver: Receiver, body: bytes, kept: str) -> None:
    """Evidence is evidence, and found again."""
    answer = post(receiver, body)
    assert (answer.status_code, answer.content) == (200, b"")
    log, _, number = answer.headers["otel-audit-receipt"].partition(" ")
    index = int(number.partition("-")[0])
    receiver.eventually(
        "/api/v1/entries",
        lambda found: any(each["integrity"] == {"log": log, "index": index} for each in found["entries"]),
        time="received",
    )


def test_an_attribute_of_ten_megabytes_is_set_aside(receiver: Receiver) -> None:
    """With its bytes; searching it for secrets would hold everybody up, most of all when it is made for that."""
    for huge in ("x" * 10 * MIB, "4" * 10 * MIB):
        answer = post(receiver, one("huge.success", huge=huge))
        assert (answer.status_code, b"1 audit event quarantined" in answer.content) == (200, True)
        assert "otel-audit-receipt" not in answer.headers
    serves(receiver, "after.huge.success")


def test_text_that_is_not_utf_8_is_refused(receiver: Receiver) -> None:
    """As protobuf asks; nothing of the request is stored."""
    body = one(reason="REPLACED").replace(b"REPLACED", b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe")
    assert post(receiver, body).status_code == 400


def test_deep_nesting_is_refused(receiver: Receiver) -> None:
    """In protobuf and in JSON, whoever nested it."""
    value = b""
    for _ in range(300):
        value = _field(5, _field(1, value))
    shallow = request(span(event("deep.success", audit__x="HERE"))).resource_spans[0].SerializeToString()
    attribute = _field(1, _field(1, b"audit.x") + _field(2, value))
    assert post(receiver, _field(1, _field(1, attribute) + shallow)).status_code == 400
    nested = b'{"arrayValue":{"values":[' * 2000 + b"{}" + b"]}}" * 2000
    body = b'{"resourceSpans":[{"resource":{"attributes":[{"key":"audit.x","value":' + nested + b"}]}}]}"
    assert post(receiver, body, **{"content-type": "application/json"}).status_code == 400
    serves(receiver, "after.nesting.success")


def _field(number: int, value: bytes) -> bytes:
    """A field of a protobuf message that holds bytes."""
    size, length = len(value), b""
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def test_many_tiny_requests_leave_memory_flat(receiver: Receiver) -> None:
    """Empty ones, broken ones and small ones, on one connection."""
    serves(receiver, "before.many.success")
    bodies = [b"", b"\xff", request(span()).SerializeToString(), one(n=1)]
    with httpx.Client(headers=PROTOBUF) as client:
        for body in bodies * 20:
            client.post(f"{receiver.http}/v1/traces", content=body)
        before = resident_mib(receiver)
        for body in bodies * 100:
            client.post(f"{receiver.http}/v1/traces", content=body)
    assert resident_mib(receiver) < before + 30


def test_stalled_and_silent_clients_do_not_hold_others_up(receiver: Receiver) -> None:
    """Fifteen bodies that never come and two hundred connections that say nothing; one place is left."""
    address = urlsplit(receiver.http)
    silent = [socket.create_connection((address.hostname, address.port)) for _ in range(200)]
    stalled = [_stalled(address.hostname or "", address.port or 0) for _ in range(15)]
    try:
        serves(receiver, "meanwhile.success")
        # Each is told to come again, for it may only have been slow.
        assert {each.getresponse().status for each in stalled} == {503}
    finally:
        for each in (*silent, *stalled):
            each.close()


def _stalled(host: str, port: int) -> http.client.HTTPConnection:
    """A request whose body was promised and does not come."""
    client = http.client.HTTPConnection(host, port, timeout=30)
    client.putrequest("POST", "/v1/traces")
    client.putheader("content-type", "application/x-protobuf")
    client.putheader("content-length", "1000")
    client.endheaders(b"12345")
    return client


@pytest.mark.parametrize("cut", [0, 30, 120, 10_000])
def test_who_offers_another_protocol_is_answered_in_this_one(receiver: Receiver, cut: int) -> None:
    """As Java's HTTP client does with its first request: its body is read, however it is cut on the way."""
    body = one(f"offer.{cut}.success")
    fields = {
        "Host": "x",
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AA",
        "Content-Type": "application/x-protobuf",
        "Content-Length": str(len(body)),
    }
    lines = ["POST /v1/traces HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    head = "\r\n".join(lines).encode()
    address = urlsplit(receiver.http)
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        whole = head + body
        for part in filter(None, (whole[:cut], whole[cut:])):
            client.sendall(part)
            time.sleep(0.05)
        answer = client.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"otel-audit-receipt" in answer


def test_a_connection_that_says_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time; also one that stops in the middle of its headers."""
    import asyncio

    from receiver.app.web import WebServer
    from receiver.config import Address

    monkeypatch.setattr(connection, "HEADERS_WITHIN_S", 0.3)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no request was made")

    async def what() -> None:
        web = WebServer("otlp.http", Address("127.0.0.1:0"), app)
        await web.start()
        try:
            for said in (b"", b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
                writer.write(said)
                assert await asyncio.wait_for(reader.read(), 10) == b""
                writer.close()
        finally:
            await web.stop()

    asyncio.run(what())
