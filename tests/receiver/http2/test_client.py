"""The client's end of HTTP/2: every call ends, with an answer or with the reason why there is none."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from receiver.http2 import frames, message
from receiver.http2.client import ANSWER_MAX_BYTES, ClientConnection, Unanswered, connect
from receiver.http2.fields import block_of
from receiver.http2.frames import PREFACE, frame
from tests.receiver.http2.peer import Peer

BLOCK = block_of(((":method", "POST"),))
HEAD = frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x88")
DONE = frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, block_of((("grpc-status", "0"),)))


def through(serve: Callable[[Peer], Awaitable[None]], what: Callable[[ClientConnection], Awaitable[None]]) -> None:
    """Run *what* with a connection to a server that does as *serve* says, once it was greeted."""

    async def greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(PREFACE)) == PREFACE
        peer = Peer(reader, writer)
        with contextlib.suppress(EOFError, ConnectionError):
            await serve(peer)
            await peer.rest()
        peer.close()

    async def run() -> None:
        async with asyncio.timeout(20), await asyncio.start_server(greeted, "127.0.0.1", 0) as server:
            connection = await connect(*server.sockets[0].getsockname(), None)
            await what(connection)
            await connection.close()

    asyncio.run(run())


def after_request(*parts: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def serve(peer: Peer) -> None:
        await peer.next(frames.HEADERS)
        peer.write(*parts)

    return serve


def test_a_body_waits_for_the_servers_window() -> None:
    """Sent in pieces that the server takes, whole in the end."""
    body = bytes(200_000)

    async def serve(peer: Peer) -> None:
        came = 0
        while came < len(body) + message.PREFIX_BYTES:
            part = await peer.next(frames.DATA)
            came += len(part.payload)
            assert len(part.payload) <= frames.FRAME_FIRST
            more = len(part.payload).to_bytes(4)
            if part.payload:
                peer.write(frame(frames.WINDOW_UPDATE, 0, 0, more), frame(frames.WINDOW_UPDATE, 0, 1, more))
        peer.write(HEAD, frame(frames.DATA, 0, 1, message.framed(b"yes")), DONE)

    async def what(connection: ClientConnection) -> None:
        answer = await connection.call(BLOCK, body)
        assert message.unframed(answer.body) == (b"yes", False)
        assert answer.fields == {":status": "200", "grpc-status": "0"}

    through(serve, what)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((frame(frames.RST_STREAM, 0, 1, frames.REFUSED_STREAM.to_bytes(4)),), frames.REFUSED_STREAM),
        ((frame(frames.GOAWAY, 0, 0, bytes(8)),), None),
        ((frame(frames.DATA, 0, 1, bytes(ANSWER_MAX_BYTES // 2 + 1)),) * 2, frames.CANCEL),
        ((frame(frames.SETTINGS, 0, 0, b"torn"),), None),
    ],
    ids=["reset", "going away", "an answer without end", "nonsense"],
)
def test_a_call_without_an_answer_says_so(parts: tuple[bytes, ...], code: int | None) -> None:
    """At once, not when its time is up."""

    async def what(connection: ClientConnection) -> None:
        with pytest.raises(Unanswered) as caught:
            await connection.call(BLOCK, b"x")
        assert caught.value.code == code

    through(after_request(*parts), what)


def test_a_connection_that_ends_takes_no_more_calls() -> None:
    """What was begun is answered; the next call is for another connection."""

    async def what(connection: ClientConnection) -> None:
        await connection.call(BLOCK, b"x")
        assert not connection.usable
        with pytest.raises(Unanswered):
            await connection.call(BLOCK, b"x")

    going = frame(frames.GOAWAY, 0, 0, (1).to_bytes(4) + bytes(4))
    through(after_request(going, HEAD, DONE), what)


def test_no_more_calls_at_once_than_the_server_takes() -> None:
    """The second waits for the first."""

    async def serve(peer: Peer) -> None:
        peer.write(frames.settings(streams=1))
        for stream in (1, 3):
            assert (await peer.next(frames.HEADERS)).stream == stream
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await peer.next(frames.HEADERS)
            ended = frames.END_HEADERS | frames.END_STREAM
            peer.write(frame(frames.HEADERS, ended, stream, b"\x88"))

    async def what(connection: ClientConnection) -> None:
        while connection.streams_max > 1:
            await asyncio.sleep(0.001)
        await asyncio.gather(connection.call(BLOCK, b"x"), connection.call(BLOCK, b"x"))

    through(serve, what)


def test_a_call_given_up_is_reset() -> None:
    """The server need not work on for nobody."""
    reset: list[int] = []

    async def serve(peer: Peer) -> None:
        reset.append((await peer.next(frames.RST_STREAM)).stream)

    async def what(connection: ClientConnection) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.call(BLOCK, b"x")
        while not reset:
            await asyncio.sleep(0.001)
        assert reset == [1]

    through(serve, what)
