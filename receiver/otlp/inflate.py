"""Compressed bodies, inflated no further than the receiver takes."""

import zlib

from receiver.errors import Refused, TooLarge

_GZIP = 16 + zlib.MAX_WBITS


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """What *body* (one gzip member or several) holds; TooLarge beyond *max_bytes*, Refused when it is broken.

    Never holds more than one byte over *max_bytes*, however much the stream promises.
    """
    parts: list[bytes] = []
    room = max_bytes + 1
    while body:
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
