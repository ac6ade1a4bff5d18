"""Spans on their way from accept to follow: raw requests in segment files, bounded, best effort.

A power cut may take the latest spans, never an audit entry.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from receiver.clock import Clock, now_ns
from receiver.segments import Segment, create, frame, path_of, payloads, segments
from receiver.sqlite import private_directory

SEGMENTS = 8
SEGMENT_MAX_BYTES = 32 * 1024 * 1024

_HEAD = struct.Struct(">QH")  # received_ns, length of the tenant's name


@dataclass(frozen=True, slots=True)
class Spooled:
    """One request as it came; ``end`` is the position after it."""

    tenant: str
    received_ns: int
    body: bytes
    end: int


class SpoolWriter:
    """The accepting end. Never waits and never fails: what does not fit is dropped, oldest first, and counted."""

    def __init__(self, directory: Path, max_bytes: int, clock: Clock = now_ns) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._segment_bytes = min(SEGMENT_MAX_BYTES, max_bytes // SEGMENTS)
        self._kept = segments(directory)
        self._file: BinaryIO | None = None
        #: Bytes of requests dropped since this writer was opened, those already read included.
        self.dropped = 0
        # Nobody writes a byte per nanosecond: begun at the present time, positions never come twice,
        # though a power cut took the tail of the last segment or someone deleted the directory.
        self._start = self._end = max(clock(), self._kept[-1].end if self._kept else 0)

    def append(self, tenant: str, received_ns: int, request_bytes: bytes) -> None:
        """Hand over one serialized ExportTraceServiceRequest."""
        name = tenant.encode()
        framed = frame(_HEAD.pack(received_ns, len(name)), name, request_bytes)
        if not self._make_room(len(framed)):
            self.dropped += len(framed)
            return
        try:
            self._write(framed)
        except OSError:  # a full disk: spans are best effort, and a torn frame ends its segment
            self.dropped += len(framed)
            self._finish_segment()

    def close(self) -> None:
        """Let go of the file."""
        self._finish_segment()

    def _write(self, framed: bytes) -> None:
        if self._file is None:
            self._file = self._begin_segment()
        written = self._file.write(framed)
        self._end += written
        if written < len(framed):
            raise OSError("short write")
        if self._end - self._start >= self._segment_bytes:
            self._finish_segment()

    def _begin_segment(self) -> BinaryIO:
        self._start = self._end
        private_directory(self._directory)  # only now: at the start the disk may be read-only
        return create(path_of(self._directory, self._start))

    def _finish_segment(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._kept.append(Segment(path_of(self._directory, self._start), self._start, self._end))

    def _make_room(self, needed: int) -> bool:
        """Drop the oldest segments until *needed* more bytes fit; False when they never can."""
        if needed > self._max_bytes:
            return False
        if self._size() + needed <= self._max_bytes:
            return True
        self._kept = [segment for segment in self._kept if segment.path.exists()]  # the reader forgot the others
        if self._size() + needed > self._max_bytes and self._file is not None and not self._kept:
            self._finish_segment()
        while self._kept and self._size() + needed > self._max_bytes:
            oldest = self._kept.pop(0)
            oldest.path.unlink(missing_ok=True)
            self.dropped += oldest.end - oldest.start
        return True

    def _size(self) -> int:
        writing = self._end - self._start if self._file is not None else 0
        return writing + sum(segment.end - segment.start for segment in self._kept)


class SpoolReader:
    """The following end: reads from any position, forward, as often as it likes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, position: int, max_bytes: int) -> list[Spooled]:
        """Requests from *position* on, at least one when there is one, about *max_bytes* in all.

        Where *position* was dropped or never written, reading goes on at the next segment there is.
        """
        found: list[Spooled] = []
        size = 0
        for segment in segments(self._directory):
            if segment.end <= position:
                continue
            for spooled in _frames(segment, position):
                found.append(spooled)
                size += len(spooled.body)
                if size >= max_bytes:
                    return found
        return found

    def forget(self, position: int) -> None:
        """Delete the segments that lie wholly before *position*; the one being written stays."""
        for segment in segments(self._directory)[:-1]:
            if segment.end <= position:
                segment.path.unlink(missing_ok=True)


def _frames(segment: Segment, position: int) -> Iterator[Spooled]:
    """The requests of *segment* from *position* on."""
    for payload, end in payloads(segment, position):
        received_ns, name_length = _HEAD.unpack_from(payload)
        body_at = _HEAD.size + name_length
        yield Spooled(payload[_HEAD.size : body_at].decode(), received_ns, payload[body_at:], end)
