"""gRPC on HTTP/2: a message in its five bytes, a status in trailers.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from urllib.parse import quote, unquote

from receiver.http2.fields import Fields, block_of

CONTENT_TYPE = "application/grpc"
PREFIX_BYTES = 5
#: Printable ASCII but the per cent sign stands for itself in a message.
_SAFE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")

Trailers = Sequence[tuple[str, str | bytes]]

HEAD = block_of(((":status", "200"), ("content-type", CONTENT_TYPE), ("grpc-accept-encoding", "gzip,zstd")))


def framed(message: bytes, compressed: bool = False) -> bytes:
    """*message* as it travels."""
    return prefix(len(message), compressed) + message


def prefix(size: int, compressed: bool = False) -> bytes:
    """What stands before a message of so many bytes."""
    return (compressed << 32 | size).to_bytes(PREFIX_BYTES)


def announced(parts: Sequence[memoryview]) -> int | None:
    """How long the message is that begins with *parts*; None while that is not told yet."""
    begun = parts[0] if len(parts[0]) >= PREFIX_BYTES else b"".join(parts)
    return int.from_bytes(begun[1:PREFIX_BYTES]) if len(begun) >= PREFIX_BYTES else None


def unframed(parts: Sequence[memoryview]) -> tuple[bytes, bool] | None:
    """The one message in a body, and whether it is compressed; None when there is not exactly one."""
    if len(parts) == 1:
        whole: memoryview | bytes = parts[0]
    else:
        whole = b"".join(parts)
    if len(whole) < PREFIX_BYTES or int.from_bytes(whole[1:PREFIX_BYTES]) != len(whole) - PREFIX_BYTES:
        return None
    return bytes(whole[PREFIX_BYTES:]), bool(whole[0])


def trailers_of(code: int, message: str = "", more: Trailers = ()) -> list[tuple[str, str]]:
    """A status as fields; what is bytes among *more* has a name that ends in ``-bin``."""
    fields = [("grpc-status", str(code))]
    if message:
        fields.append(("grpc-message", quote(message, safe=_SAFE)))
    for name, value in more:
        fields.append((name, value if isinstance(value, str) else b64encode(value).decode().rstrip("=")))
    return fields


def message_in(fields: Fields) -> str:
    """The status's text."""
    return unquote(fields.get("grpc-message", ""))


def bytes_in(value: str) -> bytes:
    """The value of a field whose name ends in ``-bin``; empty when it is none."""
    try:
        return b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return b""
