"""Frames: what HTTP/2 is made of."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY, ACK = 0x1, 0x4, 0x8, 0x20, 0x1

NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR = 0x0, 0x1, 0x3, 0x6
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 0x7, 0x8, 0x9, 0xB

SETTING_ENABLE_PUSH, SETTING_STREAMS, SETTING_WINDOW, SETTING_FRAME = 0x2, 0x3, 0x4, 0x5
WINDOW_MAX = 2**31 - 1
#: What holds for both ends until their settings say otherwise, in bytes.
WINDOW_FIRST = 65_535
FRAME_FIRST = 16_384

_SETTING = struct.Struct(">HI")


class Broken(Exception):
    """The peer does not keep to the protocol; *code* is what it is told."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Frame(NamedTuple):
    """One of them; *payload* is a view of the bytes that came."""

    kind: int
    flags: int
    stream: int
    payload: memoryview


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return head(len(payload), kind, flags, stream) + payload


def head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The bytes before a payload."""
    return (length << 48 | kind << 40 | flags << 32 | stream).to_bytes(HEAD_BYTES)


def settings(**chosen: int) -> bytes:
    """A SETTINGS frame; *chosen* by the names above, without their prefix."""
    numbers = {
        "push": SETTING_ENABLE_PUSH,
        "streams": SETTING_STREAMS,
        "window": SETTING_WINDOW,
        "frame": SETTING_FRAME,
    }
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(numbers[name], value) for name, value in chosen.items()))


def settings_in(payload: memoryview) -> dict[int, int]:
    """What a SETTINGS frame says."""
    if len(payload) % _SETTING.size:
        raise Broken(FRAME_SIZE_ERROR, "SETTINGS are torn")
    return dict(_SETTING.iter_unpack(payload))


def number_in(payload: memoryview) -> int:
    """The 31 bits of a WINDOW_UPDATE."""
    if len(payload) != 4:
        raise Broken(FRAME_SIZE_ERROR, "a number has four bytes")
    return int.from_bytes(payload) & WINDOW_MAX


def content(flags: int, payload: memoryview) -> memoryview:
    """*payload* of DATA or HEADERS without padding and priority."""
    if flags & (PADDED | WITH_PRIORITY):
        padding = payload[0] if flags & PADDED and payload else 0
        begin = (1 if flags & PADDED else 0) + (5 if flags & WITH_PRIORITY else 0)
        if begin + padding > len(payload):
            raise Broken(PROTOCOL_ERROR, "more padding than payload")
        return payload[begin : len(payload) - padding]
    return payload


class FrameReader:
    """Whole frames out of what a socket gives; holds no more than one frame and a read."""

    def __init__(self, frame_max_bytes: int) -> None:
        self._max = frame_max_bytes
        self._parts: list[bytes] = []
        self._have = 0
        self._need = HEAD_BYTES

    def read(self, data: bytes) -> Iterator[Frame]:
        """The frames that end in *data*; Broken at one that is too large."""
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return
            data = b"".join(self._parts)
        view, position, end = memoryview(data), 0, len(data)
        self._need = HEAD_BYTES
        while end - position >= HEAD_BYTES:
            length = int.from_bytes(data[position : position + 3])
            if length > self._max:
                raise Broken(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            begin = position + HEAD_BYTES
            if begin + length > end:
                self._need = HEAD_BYTES + length
                break
            stream = int.from_bytes(data[position + 5 : begin]) & WINDOW_MAX
            yield Frame(data[position + 3], data[position + 4], stream, view[begin : begin + length])
            position = begin + length
        self._parts = [data[position:]] if position < end else []
        self._have = end - position
