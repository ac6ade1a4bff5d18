"""Compressed bodies, inflated no further than the receiver takes."""

import zlib
from collections.abc import Callable, Mapping

import zstandard

from receiver.errors import Refused, TooLarge

_GZIP = 16 + zlib.MAX_WBITS
#: A body of more members, or frames, is refused: each costs a copy of what follows it.
PARTS_MAX = 1024
#: Zstandard does not stop at a bound: it is fed so little at a time that no more than 32 MiB can come out at once.
_ZSTD_STEP = 1024
#: The window that its specification asks every decoder to take.
_ZSTD_WINDOW_MAX = 8 * 1024 * 1024


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """What *body* (one gzip member or several) holds; TooLarge beyond *max_bytes*, Refused when it is broken.

    Never holds more than one byte over *max_bytes*, however much the stream promises.
    """
    parts: list[bytes] = []
    room = max_bytes + 1
    while body:
        if len(parts) == PARTS_MAX:
            raise Refused(f"the body has more than {PARTS_MAX} gzip members")
        stream = zlib.decompressobj(_GZIP)
        try:
            part = stream.decompress(body, room)
        except zlib.error as error:
            raise Refused(f"the body is not gzip: {error}") from error
        room -= len(part)
        if room <= 0:
            raise TooLarge(f"the body inflates to more than {max_bytes} bytes")
        if not stream.eof:
            raise Refused("the gzip stream is cut short")
        parts.append(part)
        body = stream.unused_data
    return b"".join(parts)


def unzstd(body: bytes, max_bytes: int) -> bytes:
    """What *body* (one Zstandard frame or several) holds; TooLarge beyond *max_bytes*, Refused when it is broken."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_MAX)
    parts: list[bytes] = []
    size = 0
    frames = 0
    while body:
        frames += 1
        if frames > PARTS_MAX:
            raise Refused(f"the body has more than {PARTS_MAX} frames")
        frame = decompressor.decompressobj()
        for at in range(0, len(body), _ZSTD_STEP):
            try:
                part = frame.decompress(body[at : at + _ZSTD_STEP])
            except zstandard.ZstdError as error:
                raise Refused(f"the body is not zstd: {error}") from error
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                raise TooLarge(f"the body inflates to more than {max_bytes} bytes")
            if frame.eof:
                break
        if not frame.eof:
            raise Refused("the zstd frame is cut short")
        body = frame.unused_data + body[at + _ZSTD_STEP :]
    return b"".join(parts)


#: What a body that is not compressed may call itself.
PLAIN = ("", "identity")
#: Content encoding ▶ how it is undone.
ENCODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": gunzip,
    "zstd": unzstd,
}
