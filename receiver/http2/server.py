"""The server's end: whole requests out of frames, bounded, each answered by a task of its own."""

import asyncio
from typing import Any, Protocol

from receiver.http2 import frames
from receiver.http2.connection import FRAME_MAX_BYTES, Connection
from receiver.http2.fields import Fields
from receiver.http2.frames import PREFACE, Broken, frame


class Request:
    """One request with its whole body; it is answered by ``begin``, ``send`` and ``end``, or ``end`` alone."""

    __slots__ = ("_connection", "_size", "begun_s", "body", "expected", "fields", "held", "stream", "task")

    def __init__(self, connection: "ServerConnection", stream: int, fields: Fields) -> None:
        self.stream = stream
        self.fields = fields
        self.body: list[memoryview] = []
        self.expected: int | None = None
        #: Bytes that are accounted for elsewhere, until it is gone.
        self.held = 0
        self.begun_s = 0.0
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


#: So many looks for late requests in the time that one has.
SWEEPS = 4
#: Nothing came for so long: ask whether the client is there; it has so long to answer.
SILENT_S = 60.0
ANSWER_S = 20.0

_TRAILERS = frames.END_HEADERS | frames.END_STREAM


class Door(Protocol):
    """Who answers requests, and looks after those that are not whole yet."""

    #: Longest a request may take to come in, in seconds.
    read_timeout_s: float

    async def answer(self, request: Request) -> None:
        """Answer one request; cancelled when its client gives it up."""

    def admit(self, request: Request) -> bool:
        """Look at a request whose body goes on coming; False refuses it, and it is answered by then."""

    def late(self, request: Request) -> None:
        """Answer a request whose body did not come in time."""

    def gone(self, request: Request) -> None:
        """It is answered, or its client is gone: let go of what was held for it."""


class ServerConnection(Connection):
    """Reads requests, at most *streams_max* at a time, and hands each on when it is whole."""

    def __init__(self, door: Door, streams_max: int, open_ones: "set[ServerConnection]") -> None:
        """*open_ones* holds this connection for as long as it is open."""
        super().__init__(frames.settings(streams=streams_max, window=frames.WINDOW_MAX, frame=FRAME_MAX_BYTES))
        self._door = door
        self._unfinished = 0
        self._sweeping: asyncio.TimerHandle | None = None
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
        self._sweep_later()

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
            if known.task is not None or not ended:
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
        request.begun_s = self._loop.time()
        self._unfinished += 1
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
        if not self._door.admit(request):
            self._give_up(request)
        elif ended:
            self._whole(request)

    def on_reset(self, stream: int, code: int) -> None:
        """The client gave a request up: nobody works on for it."""
        request = self._forget(stream)
        if request is not None and request.task is not None:
            request.task.cancel()

    def on_lost(self) -> None:
        """The client went away."""
        self._watch.cancel()
        self._open_ones.discard(self)
        if self._sweeping is not None:
            self._sweeping.cancel()
        for stream in list(self._requests):
            self.on_reset(stream, frames.CANCEL)

    def _whole(self, request: Request) -> None:
        self.busy()
        self._unfinished -= 1
        request.task = self._loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        try:
            await self._door.answer(request)
        finally:
            self._forget(request.stream)
            self._end_when_done()

    def _forget(self, stream: int) -> Request | None:
        request = self._requests.pop(stream, None)
        if request is not None:
            self._unfinished -= request.task is None
            self._door.gone(request)
        return request

    def _give_up(self, request: Request) -> None:
        """It was answered before all of it came: what still comes is not read."""
        self.reset(request.stream, frames.NO_ERROR)
        self._forget(request.stream)

    def _sweep_later(self) -> None:
        if self._unfinished and self._sweeping is None:
            self._sweeping = self._loop.call_later(self._door.read_timeout_s / SWEEPS, self._sweep)

    def _sweep(self) -> None:
        """Give up the requests that were begun too long ago."""
        self._sweeping = None
        latest_s = self._loop.time() - self._door.read_timeout_s
        for request in [each for each in self._requests.values() if each.task is None and each.begun_s <= latest_s]:
            self._door.late(request)
            self._give_up(request)
        self._sweep_later()

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
