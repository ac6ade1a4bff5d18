"""The client's end: calls of one message and one answer, any number at once."""

import asyncio
import socket
import ssl
from typing import Any

from receiver.http2 import frames, message
from receiver.http2.connection import FRAME_MAX_BYTES, Connection
from receiver.http2.fields import Fields
from receiver.http2.frames import PREFACE, frame

#: A longer answer is given up.
ANSWER_MAX_BYTES = 1024 * 1024
#: A connection on which nothing is acknowledged for so long is closed by the system. Pings would ask the same, but
#: gRPC's servers take one in five minutes.
UNHEARD_MS = 20_000
_STREAM_LAST = 2**31 - 1


class Unanswered(Exception):
    """There is no answer and will be none; *code* is the stream's reset, None where the connection ended."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class Answer:
    """What came back: the fields of its head and its trailers in one, and its body."""

    def __init__(self, done: "asyncio.Future[None]") -> None:
        self.fields: dict[str, str] = {}
        self.body: list[memoryview] = []
        self.size = 0
        self.done = done


class ClientConnection(Connection):
    """One connection to one server; made by :func:`connect`."""

    def __init__(self) -> None:
        super().__init__(PREFACE + frames.settings(push=0, window=ANSWER_MAX_BYTES, frame=FRAME_MAX_BYTES))
        self._answers: dict[int, Answer] = {}
        self._next = 1
        self._freed = asyncio.Event()
        self._gone = asyncio.Event()
        #: Whether another call may be made; one that may not be is made on a connection of its own.
        self.usable = True

    async def call(self, block: bytes, body: bytes, compressed: bool = False) -> Answer:
        """The answer to a request of this header block and this one message; Unanswered when there is none."""
        while self.usable and len(self._answers) >= self.streams_max:
            self._freed.clear()
            await self._freed.wait()
        if not self.usable:
            raise Unanswered("the connection ends")
        stream, self._next = self._next, self._next + 2
        self.usable = self._next < _STREAM_LAST
        answer = self._answers[stream] = Answer(self._loop.create_future())
        self.begin(stream, block)
        # Not put together: the body is large, and goes out as it is.
        self.send(stream, message.prefix(len(body), compressed))
        self.send(stream, body, frame(frames.DATA, frames.END_STREAM, stream))
        try:
            await answer.done
        finally:
            if self._answers.pop(stream, None) is not None and not self.transport.is_closing():
                self.reset(stream, frames.CANCEL)
            self._freed.set()
        return answer

    async def close(self) -> None:
        """Let go of it; what is under way is given up."""
        self.transport.abort()
        await self._gone.wait()

    def on_headers(self, stream: int, fields: Fields, ended: bool) -> None:
        """An answer's head, or its trailers."""
        if (answer := self._answers.get(stream)) is not None:
            answer.fields |= fields
            self._settle_answer(stream, answer, ended)

    def on_data(self, stream: int, data: memoryview, ended: bool) -> None:
        """A part of an answer."""
        if (answer := self._answers.get(stream)) is not None:
            answer.body.append(data)
            answer.size += len(data)
            if answer.size > ANSWER_MAX_BYTES:
                self.reset(stream, frames.CANCEL)
                self._fail(stream, Unanswered(f"the answer has more than {ANSWER_MAX_BYTES} bytes", frames.CANCEL))
            else:
                self._settle_answer(stream, answer, ended)

    def on_reset(self, stream: int, code: int) -> None:
        """The server gave it up; one that has answered by then wants no more of the request."""
        self._fail(stream, Unanswered(f"the stream was reset with code {code}", code))

    def on_going(self, last_stream: int) -> None:
        """No more calls here; those behind *last_stream* were not looked at."""
        self.usable = False
        for stream in [each for each in self._answers if each > last_stream]:
            self._fail(stream, Unanswered("the server ends the connection"))
        self._freed.set()

    def on_lost(self) -> None:
        """It is gone, and with it what was not answered."""
        self.usable = False
        for stream in list(self._answers):
            self._fail(stream, Unanswered("the connection was lost"))
        self._freed.set()
        self._gone.set()

    def _settle_answer(self, stream: int, answer: Answer, ended: bool) -> None:
        self.busy()
        if ended:
            if self._sending.pop(stream, None) is not None:  # it knows enough, and reads no more
                self.reset(stream, frames.NO_ERROR)
            del self._answers[stream]
            if not answer.done.done():
                answer.done.set_result(None)

    def _fail(self, stream: int, error: Unanswered) -> None:
        answer = self._answers.pop(stream, None)
        if answer is not None and not answer.done.done():
            answer.done.set_exception(error)


async def connect(host: str, port: int, tls: ssl.SSLContext | None) -> ClientConnection:
    """A connection to *host*; OSError (TLS's errors are some) when there is none to be had."""
    loop = asyncio.get_running_loop()
    hostname: Any = None if tls is None else host
    transport, connection = await loop.create_connection(
        ClientConnection, host, port, ssl=tls, server_hostname=hostname
    )
    found = transport.get_extra_info("ssl_object")
    if found is not None and found.selected_alpn_protocol() != "h2":
        transport.abort()
        raise OSError("the server does not speak HTTP/2")
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
    return connection
