"""Header blocks (RFC 7541): read with the connection's table, written without one."""

from collections.abc import Iterable, Mapping

import hpack

from receiver.http2.frames import COMPRESSION_ERROR, Broken

#: Most bytes of a block, compressed and not.
BLOCK_MAX_BYTES = 64 * 1024
#: Blocks remembered with what they say.
_REMEMBERED_MAX = 64
#: From here on a field's first byte is an index into the table; below it some forms change the table.
_INDEXED = 0x80

Fields = Mapping[str, str]


class FieldReader:
    """Reads the blocks of one connection, in the order they came.

    A sender repeats itself: a block of indices alone leaves the table as it is, and says the same until another
    block changes it.
    """

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(BLOCK_MAX_BYTES)
        self._known: dict[bytes, Fields] = {}

    def read(self, block: bytes) -> Fields:
        """Name ▶ value; of a name that comes twice the last. Broken when it is no block, or too large."""
        if (known := self._known.get(block)) is not None:
            return known
        try:
            decoded = self._decoder.decode(block, raw=True)
        except hpack.HPACKError as error:
            raise Broken(COMPRESSION_ERROR, f"a header block cannot be read: {error}") from error
        # Decoded one by one: raw fields are bytes, and what is not ASCII is nobody's business here.
        fields = {bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in decoded}
        if min(block, default=0) < _INDEXED:
            self._known.clear()
        elif len(self._known) < _REMEMBERED_MAX:
            self._known[block] = fields
        return fields


def block_of(fields: Iterable[tuple[str, str]]) -> bytes:
    """The block that says *fields*, whatever the peer's table."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)


def _text(text: str) -> bytes:
    raw = text.encode("latin-1")
    if len(raw) < 127:
        return bytes((len(raw),)) + raw
    more, left = bytearray((127,)), len(raw) - 127
    while left >= 128:
        more.append(left & 127 | 128)
        left >>= 7
    more.append(left)
    return bytes(more) + raw
