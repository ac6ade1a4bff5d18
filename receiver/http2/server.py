"""The server's end: whole requests out of frames, bounded, each answered by a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from receiver.http2 import frames
from receiver.http2.connection import FRAME_MAX_BYTES, Connection
from receiver.http2.fields import Fields
from receiver.http2.frames import PREFACE, Broken, frame


class Request:
    """One request with its whole body; it is answered by ``begin``, ``send`` and ``end``, or ``end`` alone."""

    __slots__ = ("_connection", "_size", "body", "expected", "fields", "stream", "task")

    def __init__(self, connection: "ServerConnection", stream: int, fields: Fields) -> None:
        self.stream = stream
        self.fields = fields
        self.body: list[memoryview] = []
        self.expected: int | None = None
        self.task: asyncio.Task[None] | None = None
        self._connection = connection
        self._size = 0

    @property
    def transport(self) -> Any:
        """The connection's: who the peer is."""
        return self._connection.transport

    @property
    def size(self) -> int:
        """Bytes of the body so far."""
        return self._size

    def add(self, data: memoryview) -> None:
        """More of the body came."""
        self.body.append(data)
        self._size += len(data)

    def begin(self, block: bytes) -> None:
        """Send the answer's header block."""
        self._connection.begin(self.stream, block)

    def send(self, data: bytes, trailers: bytes | None = None) -> None:
        """Send a part of the answer's body; the last one comes with the block of its *trailers*."""
        last = None if trailers is None else frame(frames.HEADERS, _TRAILERS, self.stream, trailers)
        self._connection.send(self.stream, data, last)

    def end(self, block: bytes) -> None:
        """An answer of one header block, or the trailers behind what was sent."""
        self._connection.begin(self.stream, block, _TRAILERS)


#: Nothing came for so long: ask whether the client is there; it has so long to answer.
SILENT_S = 60.0
ANSWER_S = 20.0

_TRAILERS = frames.END_HEADERS | frames.END_STREAM

#: Answers one request; it is cancelled when its client gives it up.
Handle = Callable[[Request], Awaitable[None]]
#: Looks at a request whose body has only begun; False refuses it, and *request* is answered by then.
Admit = Callable[[Request], bool]


class ServerConnection(Connection):
    """Reads requests, at most *streams_max* at a time, and hands each on when it is whole."""

    def __init__(self, handle: Handle, admit: Admit, streams_max: int, open_ones: "set[ServerConnection]") -> None:
        """*open_ones* holds this connection for as long as it is open."""
        super().__init__(frames.settings(streams=streams_max, window=frames.WINDOW_MAX, frame=FRAME_MAX_BYTES))
        self._handle = handle
        self._admit = admit
        self._streams = streams_max
        self._open_ones = open_ones
        self._requests: dict[int, Request] = {}
        self._last = 0
        self._greeting: bytes | None = b""
        self._going = False
        self._heard = True

    def connection_made(self, transport: Any) -> None:
        """A client came."""
        self._open_ones.add(self)
        super().connection_made(transport)
        self._watch = self._loop.call_later(SILENT_S, self._look)

    def data_received(self, data: bytes) -> None:
        """The client's greeting comes before its frames; who greets otherwise is let go of."""
        self._heard = True
        if self._greeting is not None:
            self._greeting += data
            if not PREFACE.startswith(self._greeting[: len(PREFACE)]):
                self.transport.close()
                return
            if len(self._greeting) < len(PREFACE):
                return
            data, self._greeting = self._greeting[len(PREFACE) :], None
        super().data_received(data)

    def pause_writing(self) -> None:
        """A client that does not read its answers is not read either."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        self.transport.resume_reading()
        super().resume_writing()

    def finish(self) -> None:
        """Take no more requests; the connection ends with the last answer."""
        self._going = True
        self.go(frames.NO_ERROR, last_stream=self._last)
        self._end_when_done()

    def on_headers(self, stream: int, fields: Fields, ended: bool) -> None:
        """A request begins, or ends with trailers nobody reads."""
        if (known := self._requests.get(stream)) is not None:
            if not ended:
                raise Broken(frames.PROTOCOL_ERROR, "a second header block that ends nothing")
            self._whole(known)
            return
        if stream % 2 == 0 or stream <= self._last:
            raise Broken(frames.PROTOCOL_ERROR, f"stream {stream} after {self._last}")
        self._last = stream
        if self._going or len(self._requests) >= self._streams:
            self._idle()
            self.reset(stream, frames.REFUSED_STREAM)
            return
        request = self._requests[stream] = Request(self, stream, fields)
        if ended:
            self._whole(request)

    def on_data(self, stream: int, data: memoryview, ended: bool) -> None:
        """A part of a request."""
        request = self._requests.get(stream)
        if request is None or request.task is not None:
            if stream > self._last:
                raise Broken(frames.PROTOCOL_ERROR, f"data of stream {stream}, which was not begun")
            return  # it was answered before all of it came
        request.add(data)
        if not self._admit(request):
            self.reset(stream, frames.NO_ERROR)
            del self._requests[stream]
        elif ended:
            self._whole(request)

    def on_reset(self, stream: int, code: int) -> None:
        """The client gave a request up: nobody works on for it."""
        request = self._requests.pop(stream, None)
        if request is not None and request.task is not None:
            request.task.cancel()

    def on_lost(self) -> None:
        """The client went away."""
        self._watch.cancel()
        self._open_ones.discard(self)
        for request in self._requests.values():
            if request.task is not None:
                request.task.cancel()
        self._requests.clear()

    def _whole(self, request: Request) -> None:
        self.busy()
        request.task = self._loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        try:
            await self._handle(request)
        finally:
            self._requests.pop(request.stream, None)
            self._end_when_done()

    def _end_when_done(self) -> None:
        if self._going and not self._requests:
            self._flush()
            self.transport.close()

    def _look(self) -> None:
        """Ask a silent client whether it is there; let go of one that does not answer."""
        if self._heard:
            self._heard = False
            self._watch = self._loop.call_later(SILENT_S, self._look)
            return
        self._write(frame(frames.PING, 0, 0, bytes(8)))
        # Whatever comes meanwhile is an answer.
        self._watch = self._loop.call_later(ANSWER_S, self._end_or_go_on)

    def _end_or_go_on(self) -> None:
        if self._heard:
            self._watch = self._loop.call_later(SILENT_S, self._look)
        else:
            self.transport.abort()
