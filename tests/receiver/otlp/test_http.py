"""OTLP over HTTP: the statuses the specification names, and nothing journalled when it should not be."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import zstandard
from google.rpc.status_pb2 import Status

from tests.receiver.otlp.doors import MAX_BYTES, TOKENS, Doors, through
from tests.receiver.otlp.requests import TRACE, event, request, span

BODY = request(span(event(audit__reason="x"))).SerializeToString()
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


@pytest.mark.parametrize("content_type", [PROTOBUF, "Application/X-Protobuf; charset=utf-8"])
@pytest.mark.parametrize("compressed", [False, True])
def test_protobuf_is_taken(content_type: str, compressed: bool, tmp_path: Path) -> None:
    """Plain or gzip; the answer is protobuf too."""

    async def what(doors: Doors) -> None:
        if compressed:
            response = await doors.post(gzip.compress(BODY), content_type, content_encoding="gzip")
        else:
            response = await doors.post(BODY, content_type)
        assert (response.status_code, response.headers["content-type"]) == (200, PROTOBUF)
        assert [row.kind for row in doors.rows()] == ["entry"]

    through(tmp_path, what)


def test_json_is_taken_and_handed_over_as_protobuf(tmp_path: Path) -> None:
    """The answer is JSON; what goes to the join is read like any other request."""
    events = [{"name": "a.b.success", "attributes": [{"key": "audit.reason", "value": {"stringValue": "x"}}]}]
    one = {"traceId": TRACE.hex(), "spanId": "eee19b7ec3c1b174", "endTimeUnixNano": "5", "events": events}
    body = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]})

    async def what(doors: Doors) -> None:
        response = await doors.post(body, JSON)
        assert (response.status_code, response.json()) == (200, {})
        assert response.headers["otel-audit-receipt"].endswith(" 0-0")
        (spooled,) = doors.spooled()
        assert TRACE in spooled

    through(tmp_path, what)


BAD: dict[str, tuple[int, bytes, dict[str, Any]]] = {
    "malformed-protobuf": (400, b"audit. is no protobuf", {"content_type": PROTOBUF}),
    "torn-protobuf-without-audit": (400, request(span()).SerializeToString()[:-3], {"content_type": PROTOBUF}),
    "malformed-json": (400, b'{"resourceSpans": [', {"content_type": JSON}),
    "bad-gzip": (400, b"not gzip", {"content_type": PROTOBUF, "content_encoding": "gzip"}),
    "torn-gzip": (400, gzip.compress(BODY)[:-4], {"content_type": PROTOBUF, "content_encoding": "gzip"}),
    "wrong-type": (415, BODY, {"content_type": "text/plain"}),
    "no-type": (415, BODY, {"content_type": ""}),
    "wrong-encoding": (415, BODY, {"content_type": PROTOBUF, "content_encoding": "br"}),
    "too-large": (413, bytes(MAX_BYTES + 1), {"content_type": PROTOBUF}),
    "bomb": (413, gzip.compress(bytes(50 * MAX_BYTES)), {"content_type": PROTOBUF, "content_encoding": "gzip"}),
}


@pytest.mark.parametrize(("status", "body", "headers"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_and_harms_nothing(status: int, body: bytes, headers: Any, tmp_path: Path) -> None:
    """Nothing is journalled or handed over, the answer is in the sender's encoding, and the next request is taken."""

    async def what(doors: Doors) -> None:
        response = await doors.post(body, **headers)
        assert response.status_code == status
        if headers["content_type"] == PROTOBUF:
            assert Status.FromString(response.content).message
        else:
            assert response.json()["message"]
        assert (doors.rows(), doors.spooled()) == ([], [])
        assert (await doors.post(BODY)).status_code == 200

    through(tmp_path, what)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v1/metrics", 404), ("POST", "/", 404), ("GET", "/v1/traces", 405), ("PUT", "/v1/traces", 405)],
)
def test_other_doors_are_closed(method: str, path: str, status: int, tmp_path: Path) -> None:
    """An unknown path is 404, a wrong method 405 with the right one."""

    async def what(doors: Doors) -> None:
        response = await doors.http.request(method, path, content=BODY, headers={"content-type": PROTOBUF})
        assert response.status_code == status
        assert response.headers.get("allow") == ("POST" if status == 405 else None)
        assert doors.rows() == []

    through(tmp_path, what)


@pytest.mark.parametrize(("token", "status"), [("shop", 200), ("reader", 403), ("stranger", 401), (None, 401)])
def test_only_senders_send(token: str | None, status: int, tmp_path: Path) -> None:
    """No token or an unknown one: 401; another role: 403. The entry says whose token it was."""

    async def what(doors: Doors) -> None:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        response = await doors.post(BODY, **headers)
        assert response.status_code == status
        assert (response.headers.get("www-authenticate") == "Bearer") is (status == 401)
        rows = doors.rows()
        assert [row.tenant for row in rows] == (["acme"] if status == 200 else [])
        assert all(orjson.loads(row.values)["sender"]["id"] == "shop" for row in rows)

    through(tmp_path, what, TOKENS)


def test_too_many_at_once_are_asked_to_come_again(tmp_path: Path) -> None:
    """503 with Retry-After, before any of the body is read."""

    async def what(doors: Doors) -> None:
        going_on = asyncio.Event()

        async def slow():
            yield b""
            await going_on.wait()
            yield BODY

        headers = {"content-type": PROTOBUF}
        first = asyncio.create_task(doors.http.post("/v1/traces", content=slow(), headers=headers))
        while doors.endpoint._in_flight.requests == 0:
            await asyncio.sleep(0)
        response: httpx.Response = await doors.post(BODY)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        going_on.set()
        assert (await first).status_code == 200

    through(tmp_path, what, http_in_flight_max=1)


def test_zstd_is_read(tmp_path: Path) -> None:
    """Beside gzip and none."""

    async def what(doors: Doors) -> None:
        response = await doors.post(zstandard.compress(BODY), content_encoding="zstd")
        assert response.status_code == 200
        assert len(doors.rows()) == 1
        bomb = await doors.post(zstandard.compress(bytes(10 * MAX_BYTES)), content_encoding="zstd")
        assert bomb.status_code == 413

    through(tmp_path, what)


def test_a_page_of_a_listed_origin_may_send(tmp_path: Path) -> None:
    """It asks first, and is answered what it may; another origin, or none, hears nothing of it."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,traceparent"}

    async def what(doors: Doors) -> None:
        listed, other = {"origin": "https://shop.example"}, {"origin": "https://evil.example"}
        preflight = await doors.http.options("/v1/traces", headers=listed | asked)
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
        assert preflight.headers["access-control-allow-headers"] == "content-type,traceparent"
        answer = await doors.post(BODY, **listed)
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        refused = await doors.post(b"\xff", **listed)
        assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (400, True)
        assert (await doors.http.options("/v1/traces", headers=other | asked)).status_code == 405
        assert "access-control-allow-origin" not in (await doors.post(BODY, **other)).headers

    through(tmp_path, what, cors_origins=("https://shop.example",))


def test_no_page_may_send_unless_listed(tmp_path: Path) -> None:
    """The default."""

    async def what(doors: Doors) -> None:
        answer = await doors.http.options("/v1/traces", headers={"origin": "https://shop.example"})
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (405, False)

    through(tmp_path, what)


def test_a_body_that_stalls_is_given_up(tmp_path: Path) -> None:
    """With an answer that has a sender send again; others are served meanwhile."""

    async def what(doors: Doors) -> None:
        async def stalling():
            yield BODY[:5]
            await asyncio.Event().wait()

        headers = {"content-type": PROTOBUF}
        stalled = asyncio.create_task(doors.http.post("/v1/traces", content=stalling(), headers=headers))
        while doors.endpoint._in_flight.requests == 0:
            await asyncio.sleep(0)
        assert (await doors.post(BODY)).status_code == 200
        response = await stalled
        assert (response.status_code, "did not come within" in response.text) == (503, True)
        assert doors.endpoint._in_flight.requests == 0

    through(tmp_path, what, read_timeout_s=0.5)
