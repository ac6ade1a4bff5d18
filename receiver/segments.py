"""Frames in segment files: what the spool and the queues of forward keep on disk between two processes or two lives.

A position is a byte offset over all segments, named in each file by the offset it begins at. Nothing here is
fsynced: a power cut may take the latest frames. A torn frame ends its segment.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zlib import crc32

_PREFIX = struct.Struct(">II")  # length and CRC-32 of what follows
#: What a frame adds to its payload.
FRAME_BYTES = _PREFIX.size


class Segment(NamedTuple):
    """One file and the positions it covers."""

    path: Path
    start: int
    end: int


def segments(directory: Path) -> list[Segment]:
    """The segments there are, oldest first."""
    found = []
    for path in sorted(directory.glob("*.seg")):
        try:
            start = int(path.stem)
            found.append(Segment(path, start, start + path.stat().st_size))
        except FileNotFoundError:  # dropped or forgotten meanwhile
            continue
    return found


def path_of(directory: Path, start: int) -> Path:
    """The file of the segment that begins at *start*."""
    return directory / f"{start:020d}.seg"


def create(path: Path) -> BinaryIO:
    """A new segment's file, unbuffered, for this user alone; also after it was cut, what is written comes last."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600), "wb", buffering=0)


def frame(*parts: bytes) -> bytes:
    """*parts*, one behind the other, as one payload in its frame."""
    payload = b"".join(parts)
    return _PREFIX.pack(len(payload), crc32(payload)) + payload


def payloads(segment: Segment, position: int) -> Iterator[tuple[bytes, int]]:
    """The whole payloads of *segment* from *position* on, each with the position after it.

    Ends at a torn frame, or at one that is still being written.
    """
    try:
        file = segment.path.open("rb")
    except FileNotFoundError:  # dropped meanwhile
        return
    with file:
        end = max(position, segment.start)
        file.seek(end - segment.start)
        while (payload := _payload(file, segment.end - end)) is not None:
            end += FRAME_BYTES + len(payload)
            yield payload, end


def _payload(file: BinaryIO, remaining: int) -> bytes | None:
    prefix = file.read(FRAME_BYTES)
    if len(prefix) < FRAME_BYTES:
        return None
    length, checksum = _PREFIX.unpack(prefix)
    if not 0 < length <= remaining - FRAME_BYTES:  # 0 is what a power cut leaves of a page
        return None
    payload = file.read(length)
    return payload if len(payload) == length and crc32(payload) == checksum else None
