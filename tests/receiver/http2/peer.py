"""The other end of a connection, frame by frame."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from receiver.http2 import frames
from receiver.http2.frames import PREFACE, Frame, FrameReader
from receiver.http2.server import Request, ServerConnection

Handle = Callable[[Request], Awaitable[None]]


class Peer:
    """Writes bytes, reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader(1 << 24)
        self._came: list[Frame] = []

    def write(self, *parts: bytes) -> None:
        """Send them as they are."""
        self._writer.write(b"".join(parts))

    async def next(self, kind: int) -> Frame:
        """The next frame of *kind*; those of other kinds before it are passed over. EOFError when there is none."""
        async with asyncio.timeout(10):
            while True:
                while self._came:
                    if (came := self._came.pop(0)).kind == kind:
                        return came
                if not (data := await self._reader.read(1 << 16)):
                    raise EOFError
                self._came += self._frames.read(data)

    async def rest(self) -> bytes:
        """What comes until the end."""
        async with asyncio.timeout(10):
            return await self._reader.read()

    async def gone(self) -> int:
        """The code with which the other end says goodbye, before it ends the connection."""
        told = await self.next(frames.GOAWAY)
        with contextlib.suppress(ConnectionResetError):
            assert await self.rest() == b""
        return int.from_bytes(told.payload[4:8])

    def close(self) -> None:
        """Go."""
        self._writer.close()


async def echo(request: Request) -> None:
    """Answer with the request's own body."""
    request.begin(b"\x88")
    request.send(b"".join(request.body), b"\x88")


class Answering:
    """A door that answers with *handle*, and notes who was late and who is gone."""

    def __init__(self, handle: Handle, admit: Callable[[Request], bool], read_timeout_s: float) -> None:
        self.read_timeout_s = read_timeout_s
        self.answer = handle
        self.admit = admit
        self.was_late: list[int] = []
        self.was_gone: list[int] = []

    def late(self, request: Request) -> None:
        """Say so."""
        self.was_late.append(request.stream)
        request.end(b"\x8d")

    def gone(self, request: Request) -> None:
        """Note it."""
        self.was_gone.append(request.stream)


@contextlib.asynccontextmanager
async def served(
    handle: Handle = echo,
    admit: Callable[[Request], bool] = lambda request: True,
    streams_max: int = 10,
    read_timeout_s: float = 60.0,
    door: "Answering | None" = None,
) -> AsyncIterator[tuple[Peer, set[ServerConnection]]]:
    """A server on loopback, and a client that has greeted it."""
    door = door or Answering(handle, admit, read_timeout_s)
    open_ones: set[ServerConnection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: ServerConnection(door, streams_max, open_ones), "127.0.0.1", 0
    )
    peer = Peer(*await asyncio.open_connection(*server.sockets[0].getsockname()))
    peer.write(PREFACE, frames.settings())
    try:
        yield peer, open_ones
    finally:
        peer.close()
        server.close()
        for each in list(open_ones):
            each.transport.abort()
        while open_ones:
            await asyncio.sleep(0)
        await server.wait_closed()


def through(what: Callable[[Any, Any], Any], **options: Any) -> None:
    """Run *what* with such a pair."""

    async def run() -> None:
        async with served(**options) as (peer, open_ones):
            await what(peer, open_ones)

    asyncio.run(run())
