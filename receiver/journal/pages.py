"""The rows that stand in a journal's pages, read without SQLite: a broken page hides none but its own.

Format: https://www.sqlite.org/fileformat2.html, sections 1.6 (b-tree pages), 2.1 (records) and 4.1 (the log).
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from receiver.journal.checksum import is_whole

PAGE = 4096
_LEAF = 0x0D
_LOG_HEADER, _FRAME_HEADER = 32, 24
_KINDS = (b"entry", b"quarantined", b"report")
#: Longest payload that stands wholly in its page, and how much of a longer one does at least.
_LOCAL_MAX = PAGE - 35
_LOCAL_MIN = (PAGE - 12) * 32 // 255 - 23

Columns = tuple[Any, ...]


class Pages:
    """The pages of the journal's file, by number from 1."""

    _first, _apart, _head = 0, PAGE, 0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = _mapped(path)

    def page(self, number: int) -> bytes:
        """One page; ValueError when there is none."""
        if not 0 < number <= len(self):
            raise ValueError(f"{self._path.name} has no page {number}")
        return self._image(number - 1)

    def rows(self) -> Iterator[Columns]:
        """Every row that is whole, in the order of the pages, some of them more than once."""
        for at in range(len(self)):
            yield from _rows_of(self._image(at), self)

    def __len__(self) -> int:
        return max(0, len(self._content) - self._first) // self._apart

    def _image(self, at: int) -> bytes:
        begin = self._first + at * self._apart + self._head
        return self._content[begin : begin + PAGE]


class LogPages(Pages):
    """The pages of its write-ahead log, as they came, over those of the file; of several of one number the last."""

    _first, _apart, _head = _LOG_HEADER, _FRAME_HEADER + PAGE, _FRAME_HEADER

    def __init__(self, path: Path, below: Pages) -> None:
        super().__init__(path)
        self._below = below
        self._last = {self._number(at): at for at in range(len(self))}

    def page(self, number: int) -> bytes:
        """One page; ValueError when there is none."""
        return self._image(self._last[number]) if number in self._last else self._below.page(number)

    def _number(self, at: int) -> int:
        begin = self._first + at * self._apart
        return int.from_bytes(self._content[begin : begin + 4], "big")


def _mapped(path: Path) -> bytes | mmap.mmap:
    if not path.exists() or path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _rows_of(page: bytes, pages: Pages) -> Iterator[Columns]:
    if page[0] != _LEAF:
        return
    (count,) = struct.unpack_from(">H", page, 3)
    for at in range(8, min(8 + 2 * count, PAGE - 1), 2):
        try:
            columns = _row(page, struct.unpack_from(">H", page, at)[0], pages)
        except (IndexError, ValueError):  # a cell of another table, or a broken one
            continue
        if columns is not None and is_whole(columns) and _is_plausible(columns):
            yield columns


def _row(page: bytes, at: int, pages: Pages) -> Columns | None:
    """The cell at *at* as a row of the journal; None when it is none."""
    length, at = _varint(page, at)
    seq, at = _varint(page, at)
    values = _record(_payload(page, at, length, pages))
    if len(values) == 11:  # from before there were checksums
        values.append(None)
    if len(values) != 12:
        return None
    _, kind, tenant, event_id, number, digest, _, said, seen, outlier, received_ns, check = values
    return (seq, kind, tenant, event_id, number, digest, said, seen, outlier, received_ns, check)


def _payload(page: bytes, at: int, length: int, pages: Pages) -> bytes:
    """A cell's *length* bytes, of which what does not fit goes on in other pages."""
    if length <= _LOCAL_MAX:
        return page[at : at + length]
    fitting = _LOCAL_MIN + (length - _LOCAL_MIN) % (PAGE - 4)
    local = fitting if fitting <= _LOCAL_MAX else _LOCAL_MIN
    found = bytearray(page[at : at + local])
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(found) < length:
        more = pages.page(following)
        following = int.from_bytes(more[:4], "big")
        found += more[4 : 4 + length - len(found)]
    return bytes(found)


def _record(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    types = []
    while at < end:
        kind, at = _varint(payload, at)
        types.append(kind)
    values = []
    for kind in types:
        size = _size(kind)
        if at + size > len(payload):
            raise ValueError("a value beyond its record")
        values.append(_value(kind, payload[at : at + size]))
        at += size
    return values


def _size(kind: int) -> int:
    return (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]


def _value(kind: int, content: bytes) -> Any:
    """Texts as the bytes they are."""
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    return content if kind >= 12 else int.from_bytes(content, "big", signed=True)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        byte = content[at + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    return value << 8 | content[at + 8], at + 9


def _is_plausible(columns: Columns) -> bool:
    """Whether this may be a row at all; of those without a checksum nothing else can be told."""
    seq, kind, tenant, *_, said, seen, _, received_ns, check = columns
    if check is not None:
        return True
    if not seq > 0 or kind not in _KINDS or not isinstance(tenant, bytes) or not isinstance(received_ns, int):
        return False
    try:
        orjson.loads(said), orjson.loads(seen)
    except (TypeError, orjson.JSONDecodeError):
        return False
    return True
