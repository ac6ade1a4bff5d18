"""How far the journal was written, said outside of it: a shorter or older one is noticed by this."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

FILE = "journal.mark"
#: Two places, written in turn: a write that is torn by a power cut leaves the other.
SLOT = 512


class Mark(NamedTuple):
    """The log's name, its last row and the highest entry's number (-1 without entries)."""

    log: str
    seq: int
    number: int


class MarkWriter:
    """Overwrites the mark after each commit. Without an fsync of its own it costs microseconds.

    It is written only when its rows are on disk, so that it never knows more than the journal. What a power cut takes
    of it makes it older, which hides nothing that the followers' cursors do not tell.
    """

    def __init__(self, data_dir: Path) -> None:
        self._descriptor = os.open(data_dir / FILE, os.O_RDWR | os.O_CREAT, 0o600)
        self._turn = 0

    def write(self, mark: Mark) -> None:
        """Replace the older of the two."""
        said = f"{mark.log} {mark.seq} {mark.number}".encode()
        self._turn = 1 - self._turn
        with suppress(OSError):  # a disk that takes nothing: the commit itself says so
            os.pwrite(self._descriptor, (b"%b %08x\n" % (said, crc32(said))).ljust(SLOT), self._turn * SLOT)

    def close(self) -> None:
        """Let go of the file, on disk."""
        with suppress(OSError):
            os.fsync(self._descriptor)
        os.close(self._descriptor)


def read_mark(data_dir: Path) -> Mark | None:
    """The younger of the two that is whole; None when there is none."""
    try:
        content = (data_dir / FILE).read_bytes()
    except FileNotFoundError:
        return None
    found = [mark for at in (0, SLOT) if (mark := _parsed(content[at : at + SLOT])) is not None]
    return max(found, key=lambda mark: (mark.seq, mark.number), default=None)


def _parsed(slot: bytes) -> Mark | None:
    said, _, check = slot.strip().rpartition(b" ")
    if not said or check != b"%08x" % crc32(said):
        return None
    log, seq, number = said.decode().rsplit(" ", 2)
    return Mark(log, int(seq), int(number))
