"""What both ends of a connection have in common: settings, pings, windows, and the way out."""

import asyncio
from collections import deque
from typing import Any

from receiver.http2 import frames
from receiver.http2.fields import BLOCK_MAX_BYTES, FieldReader, Fields
from receiver.http2.frames import Broken, Frame, FrameReader, frame, head

#: Largest frame that is taken in.
FRAME_MAX_BYTES = 1024 * 1024
#: What the peer may send before it hears from us; told anew whenever half of it came.
WINDOW_BYTES = 16 * 1024 * 1024
#: So many frames that ask for work and bring none, between two requests that are whole, are an attack.
IDLE_FRAMES_MAX = 10_000


class Sending:
    """One stream's way out: what waits for the peer's window, the frames behind it."""

    __slots__ = ("id", "last", "waiting", "window")

    def __init__(self, stream: int, window: int) -> None:
        self.id = stream
        self.window = window
        self.waiting: deque[memoryview] = deque()
        self.last: bytes | None = None


class Connection(asyncio.Protocol):
    """One end of a connection. A subclass says what becomes of header blocks, data and resets.

    Whatever breaks the protocol ends the connection, told with GOAWAY; ``on_lost`` comes once, at the end.
    """

    def __init__(self, opening: bytes) -> None:
        """*opening* is what is sent first."""
        self._opening = opening
        self._frames = FrameReader(FRAME_MAX_BYTES)
        self._fields = FieldReader()
        self._block: tuple[int, int, list[bytes]] | None = None  # stream, flags and parts of an unfinished block
        self._out: list[Any] = []
        self._window = frames.WINDOW_FIRST
        self._stream_window = frames.WINDOW_FIRST
        self._frame_max = frames.FRAME_FIRST
        self._received = 0
        self._idle_frames = 0
        self._sending: dict[int, Sending] = {}
        self._paused = False
        self.streams_max = 2**31
        self.transport: Any = None

    # -- what a subclass says

    def on_headers(self, stream: int, fields: Fields, ended: bool) -> None:
        """A header block came."""
        raise NotImplementedError

    def on_data(self, stream: int, data: memoryview, ended: bool) -> None:
        """A part of a body came."""
        raise NotImplementedError

    def on_reset(self, stream: int, code: int) -> None:
        """The peer gave the stream up."""
        raise NotImplementedError

    def on_going(self, last_stream: int) -> None:
        """The peer will end; streams behind *last_stream* it has not looked at."""

    def on_lost(self) -> None:
        """The connection is no more."""

    # -- asyncio's side

    def connection_made(self, transport: Any) -> None:
        """Open it."""
        self.transport = transport
        self._loop = asyncio.get_running_loop()
        more = (frames.WINDOW_FIRST + WINDOW_BYTES).to_bytes(4)
        transport.write(self._opening + frame(frames.WINDOW_UPDATE, 0, 0, more))

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone."""
        self._sending.clear()
        self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        try:
            for each in self._frames.read(data):
                self._take(each)
        except Broken as error:
            self.go(error.code, str(error))
            self.transport.close()
        if self._received > WINDOW_BYTES // 2:
            self._write(frame(frames.WINDOW_UPDATE, 0, 0, self._received.to_bytes(4)))
            self._received = 0

    def eof_received(self) -> None:
        """The peer says no more; neither do we."""

    def pause_writing(self) -> None:
        """The peer reads slower than we write: what is small goes out, bodies wait."""
        self._paused = True

    def resume_writing(self) -> None:
        """It caught up."""
        self._paused = False
        self._pump()

    # -- the way out

    def go(self, code: int, why: str = "", last_stream: int = 0) -> None:
        """Tell the peer that this connection ends."""
        told = last_stream.to_bytes(4) + code.to_bytes(4) + why.encode()[:200]
        self._write(frame(frames.GOAWAY, 0, 0, told))
        self._flush()

    def reset(self, stream: int, code: int) -> None:
        """Give a stream up."""
        self._sending.pop(stream, None)
        self._write(frame(frames.RST_STREAM, 0, stream, code.to_bytes(4)))

    def begin(self, stream: int, block: bytes, flags: int = frames.END_HEADERS) -> None:
        """Send a header block; with END_STREAM in *flags* it is all there is."""
        self._write(frame(frames.HEADERS, flags, stream, block))

    def send(self, stream: int, data: bytes, last: bytes | None = None) -> None:
        """Send a part of a body as the peer's window allows; *last* are the frames behind the last part."""
        sending = self._sending.get(stream)
        if sending is None:
            sending = self._sending[stream] = Sending(stream, self._stream_window)
        sending.waiting.append(memoryview(data))
        sending.last = last
        self._pump_one(sending)

    def _write(self, data: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)  # what is written in one turn leaves in one go
        self._out.append(data)

    def _flush(self) -> None:
        if self._out:
            self.transport.write(b"".join(self._out))
            self._out.clear()

    def _pump(self) -> None:
        for sending in list(self._sending.values()):
            self._pump_one(sending)

    def _pump_one(self, sending: Sending) -> None:
        while sending.waiting and not self._paused:
            data = sending.waiting[0]
            fits = min(len(data), self._window, sending.window, self._frame_max)
            if fits <= 0:
                return
            self._write(head(fits, frames.DATA, 0, sending.id))
            self._out.append(data[:fits])
            self._window -= fits
            sending.window -= fits
            if fits < len(data):
                sending.waiting[0] = data[fits:]
            else:
                sending.waiting.popleft()
        if not sending.waiting and sending.last is not None:
            self._write(sending.last)
            del self._sending[sending.id]

    # -- what comes in

    def _take(self, came: Frame) -> None:
        kind, flags, stream, payload = came
        if self._block is not None and kind != frames.CONTINUATION:
            raise Broken(frames.PROTOCOL_ERROR, "a header block is interrupted")
        if kind == frames.DATA:
            self._received += len(payload)
            self._idle(not payload)
            self.on_data(
                stream, frames.content(flags & ~frames.WITH_PRIORITY, payload), bool(flags & frames.END_STREAM)
            )
        elif kind == frames.HEADERS:
            self._take_block(stream, flags, frames.content(flags, payload))
        elif kind == frames.CONTINUATION:
            self._take_more(stream, flags, payload)
        else:
            self._idle()
            self._take_control(came)

    def _take_control(self, came: Frame) -> None:
        kind, flags, stream, payload = came
        if kind == frames.WINDOW_UPDATE:
            self._widen(stream, frames.number_in(payload))
        elif kind == frames.SETTINGS:
            if not flags & frames.ACK:
                self._settle(frames.settings_in(payload))
        elif kind == frames.PING:
            if not flags & frames.ACK:
                self._write(frame(frames.PING, frames.ACK, 0, bytes(payload)))
        elif kind == frames.RST_STREAM:
            self._sending.pop(stream, None)
            self.on_reset(stream, int.from_bytes(payload))
        elif kind == frames.GOAWAY:
            self.on_going(int.from_bytes(payload[:4]) & frames.WINDOW_MAX)
        # PRIORITY means nothing any more; of a kind nobody knows the rest is skipped, as RFC 9113 asks.

    def _idle(self, counts: bool = True) -> None:
        """Bound what is done for a peer that brings no requests."""
        self._idle_frames += counts
        if self._idle_frames > IDLE_FRAMES_MAX:
            raise Broken(frames.ENHANCE_YOUR_CALM, "too many frames that bring nothing")

    def busy(self) -> None:
        """Something whole came: the peer is no attacker."""
        self._idle_frames = 0

    def _take_block(self, stream: int, flags: int, part: memoryview) -> None:
        if flags & frames.END_HEADERS:
            self.on_headers(stream, self._fields.read(bytes(part)), bool(flags & frames.END_STREAM))
        else:
            self._block = (stream, flags, [bytes(part)])

    def _take_more(self, stream: int, flags: int, part: memoryview) -> None:
        if self._block is None or self._block[0] != stream:
            raise Broken(frames.PROTOCOL_ERROR, "a header block goes on that was not begun")
        self._idle()
        parts = self._block[2]
        parts.append(bytes(part))
        if sum(map(len, parts)) > BLOCK_MAX_BYTES:
            raise Broken(frames.ENHANCE_YOUR_CALM, "a header block is too large")
        if flags & frames.END_HEADERS:
            begun, self._block = self._block[1], None
            self.on_headers(stream, self._fields.read(b"".join(parts)), bool(begun & frames.END_STREAM))

    def _widen(self, stream: int, more: int) -> None:
        if stream == 0:
            self._window += more
            if self._window > frames.WINDOW_MAX or more == 0:
                raise Broken(frames.FLOW_CONTROL_ERROR, "a window of an impossible size")
            self._pump()
        elif (sending := self._sending.get(stream)) is not None:
            sending.window += more
            self._pump_one(sending)

    def _settle(self, chosen: dict[int, int]) -> None:
        window = chosen.get(frames.SETTING_WINDOW, self._stream_window)
        frame_max = chosen.get(frames.SETTING_FRAME, self._frame_max)
        if window > frames.WINDOW_MAX or not frames.FRAME_FIRST <= frame_max < 2**24:
            raise Broken(frames.PROTOCOL_ERROR, "settings that nobody may choose")
        for sending in self._sending.values():
            sending.window += window - self._stream_window
        self._stream_window = window
        self._frame_max = min(frame_max, FRAME_MAX_BYTES)
        self.streams_max = chosen.get(frames.SETTING_STREAMS, self.streams_max)
        self._write(frame(frames.SETTINGS, frames.ACK, 0))
        self._pump()
