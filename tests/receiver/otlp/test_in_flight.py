"""What a door holds at once is bounded, and what is beyond comes again."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from receiver.errors import Busy
from receiver.http2 import frames
from receiver.http2.fields import block_of
from receiver.http2.frames import frame
from receiver.http2.message import framed
from receiver.otlp.in_flight import InFlight
from receiver.signal import TRACES
from tests.receiver.otlp.doors import Doors, through
from tests.receiver.otlp.requests import event, request, span

BODY = request(span(event(audit__reason="x" * 5000))).SerializeToString()
BOUND = 6000


def test_one_alone_always_fits() -> None:
    """However small the bound is."""
    in_flight = InFlight(10, 100)
    with in_flight.request() as held:
        held.add(60)
        held.add(1000)


def test_the_bytes_of_all_are_bounded() -> None:
    """The one that would be too much is busy; when another has ended there is room again."""
    in_flight = InFlight(10, 100)
    with in_flight.request() as second:
        with in_flight.request() as first:
            first.add(60)
            second.add(40)
            with pytest.raises(Busy):
                second.add(1)
        second.add(60)


def test_an_ended_request_leaves_nothing_behind() -> None:
    """Neither one that was answered nor one that failed."""
    in_flight = InFlight(1, 100)

    def fail(size: int) -> None:
        with in_flight.request() as held:
            held.add(size)
            raise ZeroDivisionError

    with in_flight.request() as held:
        held.add(60)
    with pytest.raises(ZeroDivisionError):
        fail(70)
    assert (in_flight.requests, in_flight._bytes) == (0, 0)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_http_bodies_are_counted_as_they_come_and_inflate(tmp_path: Path, encoding: str) -> None:
    """While another is still coming in, what does not fit beside it gets 503 with Retry-After."""

    async def what(doors: Doors) -> None:
        going_on = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield BODY[:3000]
            await going_on.wait()
            yield BODY[3000:]

        headers = {"content-type": "application/x-protobuf"}
        first = asyncio.create_task(doors.http.post("/v1/traces", content=slow(), headers=headers))
        while doors.endpoint._in_flight._bytes == 0:
            await asyncio.sleep(0)
        body = gzip.compress(BODY) if encoding == "gzip" else BODY
        refused = await doors.post(body, content_encoding=encoding)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        going_on.set()
        assert (await first).status_code == 200
        assert (await doors.post(body, content_encoding=encoding)).status_code == 200

    through(tmp_path, what, in_flight_max_bytes=BOUND)


def test_grpc_bodies_are_counted(tmp_path: Path) -> None:
    """UNAVAILABLE, until another has been answered."""

    async def what(doors: Doors) -> None:
        going_on = asyncio.Event()
        export = doors.service.export

        async def slow(*asked: Any) -> Any:
            await going_on.wait()
            return await export(*asked)

        doors.service.export = slow  # type: ignore[method-assign]
        first = asyncio.create_task(doors.call(BODY))
        while doors.grpc._in_flight.requests == 0:
            await asyncio.sleep(0.01)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await doors.call(BODY)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        going_on.set()
        await first
        await doors.call(BODY)

    through(tmp_path, what, in_flight_max_bytes=BOUND)


def test_a_grpc_body_is_counted_while_it_comes(tmp_path: Path) -> None:
    """What never becomes whole takes room as well, until its client is gone."""

    async def what(doors: Doors) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.grpc.port)
        block = block_of(((":path", TRACES.method), ("content-type", "application/grpc")))
        half = framed(BODY)[:5000]
        begun = frame(frames.HEADERS, frames.END_HEADERS, 1, block) + frame(frames.DATA, 0, 1, half)
        writer.write(frames.PREFACE + frames.settings() + begun)
        while doors.grpc._in_flight._bytes < 5000:
            await asyncio.sleep(0.01)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await doors.call(BODY)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        writer.close()
        while doors.grpc._in_flight._bytes:
            await asyncio.sleep(0.01)
        await doors.call(BODY)
        assert (await reader.read())[:0] == b""

    through(tmp_path, what, in_flight_max_bytes=BOUND)


def test_a_grpc_body_that_stalls_is_busy(tmp_path: Path) -> None:
    """As one over HTTP: UNAVAILABLE, within the time that a request has."""

    async def what(doors: Doors) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.grpc.port)
        block = block_of(((":path", TRACES.method), ("content-type", "application/grpc")))
        begun = frame(frames.HEADERS, frames.END_HEADERS, 1, block) + frame(frames.DATA, 0, 1, framed(BODY)[:50])
        writer.write(frames.PREFACE + frames.settings() + begun)
        told = b""
        while b"did not come within" not in told:
            told += await reader.read(1000)
        assert b"grpc-status\x0214" in told
        assert doors.grpc._in_flight._bytes == 0
        writer.close()

    through(tmp_path, what, read_timeout_s=0.3)
