"""What a backend has not taken, on disk: appended, read again from any position, forgotten from the front.

Used by one thread at a time. ``cursor`` in the directory is the position before which all was taken; it is written
without fsync and may lie behind, then some is sent twice.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from receiver.clock import Clock, now_ns
from receiver.forward.batch import Part
from receiver.segments import FRAME_BYTES, Segment, create, frame, path_of, payloads, segments
from receiver.sqlite import private_directory

SEGMENTS = 8
SEGMENT_MAX_BYTES = 32 * 1024 * 1024


class SegmentLog:
    """Segment files of one queue, from the first that is not wholly taken to the one being written."""

    def __init__(self, directory: Path, max_bytes: int, clock: Clock = now_ns) -> None:
        """Open *directory* with what an earlier process left in it."""
        self._directory = private_directory(directory)
        self._segment_bytes = min(SEGMENT_MAX_BYTES, max_bytes // SEGMENTS)
        self._kept = segments(self._directory)
        self._file: BinaryIO | None = None
        self._cursor_path = self._directory / "cursor"
        self._saved = _cursor(self._cursor_path)
        #: Where the segments begin that could not be read to their end.
        self.damaged: set[int] = set()
        # Positions never come twice, though a power cut took the latest frames: see SpoolWriter.
        self._start = self.end = max(clock(), self._saved, self._kept[-1].end if self._kept else 0)
        self._forget_segments(self._saved)
        self.begin = max(self._saved, self._kept[0].start) if self._kept else self.end

    @property
    def usage(self) -> int:
        """Bytes on disk."""
        return self.behind(0)

    def behind(self, position: int) -> int:
        """Bytes on disk from *position* on; any thread may ask."""
        return sum(max(0, each.end - max(each.start, position)) for each in self._segments())

    def _segments(self) -> tuple[Segment, ...]:
        return (*self._kept, Segment(path_of(self._directory, self._start), self._start, self.end))

    def append(self, bodies: Sequence[bytes]) -> list[Part]:
        """Write *bodies*; each with the position after it. OSError when the disk takes none of them."""
        if self._file is None:
            self._start = self.end
            self._file = create(path_of(self._directory, self._start))
        framed = b"".join(map(frame, bodies))
        if self._file.write(framed) < len(framed):
            os.ftruncate(self._file.fileno(), self.end - self._start)
            raise OSError("the disk is full")
        parts = []
        for body in bodies:
            self.end += FRAME_BYTES + len(body)
            parts.append(Part(body, self.end))
        if self.end - self._start >= self._segment_bytes:
            self._finish_segment()
        return parts

    def read(self, position: int, max_bytes: int) -> list[Part]:
        """Requests from *position* on, at least one when there is one, about *max_bytes* in all."""
        parts, size = [], 0
        for segment in self._segments():
            if segment.end <= position:
                continue
            reached = max(position, segment.start)
            with contextlib.suppress(OSError):  # a disk that does not give it back: what is behind it may be well
                for body, reached in payloads(segment, position):
                    parts.append(Part(body, reached))
                    size += len(body)
                    if size >= max_bytes:
                        return parts
            if reached < segment.end:
                self.damaged.add(segment.start)
        return parts

    def forget(self, position: int) -> None:
        """Everything before *position* is done."""
        if position != self._saved:
            self._save(position)
            self._forget_segments(position)

    def close(self, position: int) -> None:
        """Let go of the file; what lies before *position* is done, and when that is all, nothing stays."""
        self._finish_segment()
        self.forget(position)
        self._forget_segments(position)

    def _save(self, position: int) -> None:
        with contextlib.suppress(OSError):  # a full disk: what it would spare is sent twice after a restart
            self._cursor_path.write_text(f"{position:020d}")
            self._saved = position

    def _forget_segments(self, position: int) -> None:
        while self._kept and self._kept[0].end <= position:
            with contextlib.suppress(OSError):  # a read-only disk: it is there again after a restart
                self._kept.pop(0).path.unlink(missing_ok=True)

    def _finish_segment(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._kept.append(Segment(path_of(self._directory, self._start), self._start, self.end))
            self._start = self.end


def _cursor(path: Path) -> int:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):  # none yet, or torn by a power cut: all that is there is sent
        return 0
