"""The server's end of HTTP/2: what keeps to the protocol is answered, what does not is bounded and told."""

import asyncio
from typing import Any

import pytest

from receiver.http2 import frames
from receiver.http2.connection import FRAME_MAX_BYTES, IDLE_FRAMES_MAX
from receiver.http2.fields import BLOCK_MAX_BYTES, block_of
from receiver.http2.frames import frame
from receiver.http2.server import Request, ServerConnection
from tests.receiver.http2.peer import Answering, Peer, echo, through

BLOCK = block_of(((":path", "/echo"), ("te", "trailers")))
ENDED = frames.END_HEADERS | frames.END_STREAM


def request(stream: int, body: bytes) -> bytes:
    return frame(frames.HEADERS, frames.END_HEADERS, stream, BLOCK) + frame(
        frames.DATA, frames.END_STREAM, stream, body
    )


async def answer(peer: Peer, size: int) -> bytes:
    body = b""
    while len(body) < size:
        body += bytes((await peer.next(frames.DATA)).payload)
    return body


def test_a_request_in_single_bytes_is_answered() -> None:
    """However TCP cuts it."""

    async def what(peer: Peer, _: Any) -> None:
        for byte in request(1, b"hello"):
            peer.write(bytes((byte,)))
            await asyncio.sleep(0)
        assert await answer(peer, 5) == b"hello"
        assert (await peer.next(frames.HEADERS)).flags == ENDED

    through(what)


def test_padding_priority_and_continuation_are_read() -> None:
    """Nobody needs them, and RFC 9113 lets anyone send them."""

    async def what(peer: Peer, _: Any) -> None:
        padded = bytes((3,)) + bytes(5) + BLOCK[:4] + bytes(3)
        peer.write(frame(frames.HEADERS, frames.PADDED | frames.WITH_PRIORITY, 1, padded))
        peer.write(frame(frames.CONTINUATION, frames.END_HEADERS, 1, BLOCK[4:]))
        peer.write(frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\x02hello\0\0"))
        assert await answer(peer, 5) == b"hello"

    through(what)


def test_a_ping_is_answered() -> None:
    """With its own bytes, marked as an answer."""

    async def what(peer: Peer, _: Any) -> None:
        peer.write(frame(frames.PING, 0, 0, b"12345678"))
        came = await peer.next(frames.PING)
        assert (came.flags, bytes(came.payload)) == (frames.ACK, b"12345678")

    through(what)


def test_an_answer_waits_for_the_clients_window() -> None:
    """No more is sent than the client takes, and the rest as soon as it takes more."""

    async def what(peer: Peer, _: Any) -> None:
        peer.write(frames.settings(window=10), request(1, b"0123456789abcdef"))
        assert await answer(peer, 10) == b"0123456789"
        peer.write(frame(frames.WINDOW_UPDATE, 0, 1, (6).to_bytes(4)))
        assert await answer(peer, 6) == b"abcdef"

    through(what)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frames.head(FRAME_MAX_BYTES + 1, frames.DATA, 0, 1), frames.FRAME_SIZE_ERROR),
        (frame(frames.DATA, 0, 1, b"x"), frames.PROTOCOL_ERROR),
        (frame(frames.HEADERS, frames.END_HEADERS, 2, BLOCK), frames.PROTOCOL_ERROR),
        (frame(frames.HEADERS, 0, 1, BLOCK) + frame(frames.PING, 0, 0, bytes(8)), frames.PROTOCOL_ERROR),
        (frame(frames.CONTINUATION, 0, 1, BLOCK), frames.PROTOCOL_ERROR),
        (frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff"), frames.COMPRESSION_ERROR),
        (frame(frames.HEADERS, frames.END_HEADERS | frames.PADDED, 1, b"\xff"), frames.PROTOCOL_ERROR),
        (frame(frames.SETTINGS, 0, 0, b"torn"), frames.FRAME_SIZE_ERROR),
        (frames.settings(window=2**31), frames.PROTOCOL_ERROR),
        (frames.settings(frame=1), frames.PROTOCOL_ERROR),
        (frame(frames.WINDOW_UPDATE, 0, 0, bytes(4)), frames.FLOW_CONTROL_ERROR),
        (frame(frames.WINDOW_UPDATE, 0, 0, b"x"), frames.FRAME_SIZE_ERROR),
        (frame(frames.PING, 0, 0, bytes(8)) * (IDLE_FRAMES_MAX + 1), frames.ENHANCE_YOUR_CALM),
        (frame(frames.HEADERS, frames.END_HEADERS, 1, BLOCK)
         + frame(frames.DATA, 0, 1) * (IDLE_FRAMES_MAX + 1), frames.ENHANCE_YOUR_CALM),
        (frame(frames.HEADERS, 0, 1, BLOCK) + frame(frames.CONTINUATION, 0, 1, bytes(16_000)) * 5,
         frames.ENHANCE_YOUR_CALM),
    ],
)  # fmt: skip
def test_what_breaks_the_protocol_ends_the_connection(sent: bytes, code: int) -> None:
    """Told with the code that RFC 9113 has for it; what is without end is cut off."""

    async def what(peer: Peer, _: Any) -> None:
        peer.write(sent)
        assert await peer.gone() == code

    through(what)


def test_a_block_that_inflates_is_refused() -> None:
    """A small block may stand for a large one: each field in it counts as it reads."""

    async def what(peer: Peer, _: Any) -> None:
        one = block_of((("x", "v" * 4000),))
        peer.write(
            frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x40" + one[1:] + b"\xbe" * (BLOCK_MAX_BYTES // 4000))
        )
        assert await peer.gone() == frames.COMPRESSION_ERROR

    through(what)


def test_who_greets_otherwise_is_let_go() -> None:
    """A browser that tries HTTP/1 gets no answer, and costs nothing."""

    async def what(peer: Peer, open_ones: set[ServerConnection]) -> None:
        (connection,) = open_ones
        reader, writer = await asyncio.open_connection(*connection.transport.get_extra_info("sockname"))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        other = Peer(reader, writer)
        with pytest.raises(EOFError):
            await other.next(frames.GOAWAY)
        other.close()

    async def greeted(peer: Peer, open_ones: set[ServerConnection]) -> None:
        await peer.next(frames.SETTINGS)
        await what(peer, open_ones)

    through(greeted)


def test_too_many_requests_at_once_are_sent_away() -> None:
    """Refused as not looked at, which every client sends again."""

    async def never(_: Request) -> None:
        await asyncio.Event().wait()

    async def what(peer: Peer, _: Any) -> None:
        for stream in (1, 3, 5):
            peer.write(request(stream, b"x"))
        came = await peer.next(frames.RST_STREAM)
        assert (came.stream, int.from_bytes(came.payload)) == (5, frames.REFUSED_STREAM)

    through(what, handle=never, streams_max=2)


@pytest.mark.parametrize("lost", [False, True])
def test_a_client_that_gives_up_is_worked_for_no_more(lost: bool) -> None:
    """By a reset, or with its connection."""
    begun, cancelled = [], []

    async def long(_: Request) -> None:
        begun.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(1)

    async def what(peer: Peer, _: Any) -> None:
        peer.write(request(1, b"x"))
        while not begun:
            await asyncio.sleep(0.001)
        if lost:
            peer.close()
        else:
            peer.write(frame(frames.RST_STREAM, 0, 1, frames.CANCEL.to_bytes(4)))
        async with asyncio.timeout(5):
            while not cancelled:
                await asyncio.sleep(0.001)

    through(what, handle=long)


def test_a_request_refused_early_is_read_no_further() -> None:
    """It is answered and reset before its end came; the next one is taken."""

    def small(request: Request) -> bool:
        if request.size > 3:
            request.end(b"\x88")
            return False
        return True

    async def what(peer: Peer, _: Any) -> None:
        peer.write(request(1, b"much"), request(3, b"ok"))
        assert (await peer.next(frames.HEADERS)).stream == 1
        assert (await peer.next(frames.RST_STREAM)).stream == 1
        assert await answer(peer, 2) == b"ok"

    through(what, admit=small)


def test_the_end_waits_for_the_last_answer() -> None:
    """No request that was begun is lost; one that comes now is for another connection."""
    going_on = asyncio.Event()

    async def slow(request: Request) -> None:
        await going_on.wait()
        request.end(b"\x88")

    async def what(peer: Peer, open_ones: set[ServerConnection]) -> None:
        peer.write(request(1, b"x"))
        (connection,) = open_ones
        while not connection._requests:
            await asyncio.sleep(0.001)
        connection.finish()
        told = await peer.next(frames.GOAWAY)
        assert int.from_bytes(told.payload[:4]) == 1
        peer.write(request(3, b"x"))
        assert (await peer.next(frames.RST_STREAM)).stream == 3
        going_on.set()
        assert (await peer.next(frames.HEADERS)).stream == 1
        assert await peer.rest() == b""

    through(what, handle=slow)


def test_a_silent_client_is_asked_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that vanished says nothing: its connection ends all the same."""
    monkeypatch.setattr("receiver.http2.server.SILENT_S", 0.02)
    monkeypatch.setattr("receiver.http2.server.ANSWER_S", 0.02)

    async def what(peer: Peer, _: Any) -> None:
        asked = await peer.next(frames.PING)
        assert asked.flags == 0
        peer.write(frame(frames.PING, frames.ACK, 0, bytes(asked.payload)))
        await peer.next(frames.PING)
        with pytest.raises((EOFError, ConnectionResetError)):
            await peer.next(frames.GOAWAY)

    through(what)


def test_a_body_that_stalls_is_given_up() -> None:
    """It is answered as late, once, and its stream is closed; others go on on the same connection."""
    door = Answering(echo, lambda _: True, 0.2)

    async def what(peer: Peer, _: Any) -> None:
        peer.write(frame(frames.HEADERS, frames.END_HEADERS, 1, BLOCK), frame(frames.DATA, 0, 1, b"half"))
        assert (await peer.next(frames.HEADERS)).stream == 1
        assert (await peer.next(frames.RST_STREAM)).stream == 1
        peer.write(frame(frames.DATA, frames.END_STREAM, 1, b"too late"), request(3, b"whole"))
        assert await answer(peer, 5) == b"whole"
        assert door.was_late == [1]
        assert door.was_gone == [1, 3]

    through(what, door=door)


def test_what_was_held_is_let_go_of_with_the_connection() -> None:
    """A client that dies in mid-request leaves nothing behind."""
    door = Answering(echo, lambda _: True, 60)

    async def what(peer: Peer, open_ones: set[ServerConnection]) -> None:
        peer.write(frame(frames.HEADERS, frames.END_HEADERS, 1, BLOCK), frame(frames.DATA, 0, 1, b"half"))
        peer.write(request(3, b"x"))
        await answer(peer, 1)
        peer.close()
        async with asyncio.timeout(5):
            while open_ones:
                await asyncio.sleep(0.001)
        assert sorted(door.was_gone) == [1, 3]

    through(what, door=door)


def test_a_request_ends_once() -> None:
    """Trailers behind its end are an error of the connection."""

    async def never(_: Request) -> None:
        await asyncio.Event().wait()

    async def what(peer: Peer, _: Any) -> None:
        peer.write(request(1, b"x"), frame(frames.HEADERS, ENDED, 1, BLOCK))
        assert await peer.gone() == frames.PROTOCOL_ERROR

    through(what, handle=never)
