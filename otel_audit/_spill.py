"""What this process spills to disk before ``record()`` returns, and what others left behind."""

import errno
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from otel_audit import _segment
from otel_audit._directory import Left, SpillDirectory
from otel_audit._event import Event
from otel_audit._segment import Contents, Header, Segment

_log = logging.getLogger("otel_audit")

#: A file of this size is closed and the next one begun; what has been answered is deleted file by file.
SEGMENT_MAX_BYTES = 4 << 20
_ATTEMPTS = 3
#: After a failure the disk is left alone this long.
_PAUSE_S = 1.0


class Place(NamedTuple):
    """Where a pending event lies: the file, its ticket there, its frame's offset."""

    segment: Segment
    ticket: int
    at: int


class LeftBehind:
    """A dead process's events, in a file that is ours until we finish with it or put it back."""

    def __init__(self, directory: SpillDirectory, file: Left, contents: Contents) -> None:
        self.contents = contents
        self._directory = directory
        self._file = file
        self._closed = False

    def finish(self) -> None:
        """All of it has been answered: the file goes, or is set aside where part of it made no sense."""
        if self._closed:
            return
        if self.contents.problem:
            self._directory.set_aside(self._file.name, self.contents.problem)
        else:
            self._directory.delete(self._file.name)
        self._close()

    def put_back(self) -> None:
        """It could not be sent; whoever comes next may try. Once is enough."""
        if not self._closed:
            self._close()

    def _close(self) -> None:
        self._closed = True
        os.close(self._file.fd)


class Spill:
    """The files of one process. Every method is called under the delivery's lock.

    A disk that cannot be written costs no event as long as memory has room: it is said once, counted by the
    caller, and tried again every second.
    """

    def __init__(self, path: Path, max_bytes: int, header: Header) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._header = header
        self._directory: SpillDirectory | None = None
        self._active: Segment | None = None
        self._segments: dict[str, Segment] = {}
        self._files = 0
        self._tickets = 0
        self._not_before = 0.0
        self._said = False
        self._left: LeftBehind | None = None

    def write(self, kind: int, number: int, event: Event) -> Segment | None:
        """Put *event* on disk; the file it went to, None when it could not be written."""
        try:
            segment = self._room()
            if segment is None:
                return None
            segment.append(kind, number, event)
        except OSError as error:
            self._fail(error)
            return None
        return segment

    def write_pending(self, event: Event) -> Place | None:
        """Put an event on disk whose transaction has not ended; None when it could not be written."""
        self._tickets += 1
        segment = self.write(_segment.PENDING, self._tickets, event)
        return None if segment is None else Place(segment, self._tickets, segment.last_at)

    def resolve(self, place: Place, number: int, time_ns: int, said: bytes | None) -> bool:
        """Say how a pending event ended; False when that cannot be written."""
        try:
            place.segment.resolve(place.ticket, number, time_ns, said)
        except OSError as error:
            self._fail(error)
            return False
        return True

    def answered(self, segment: Segment) -> None:
        """One of the file's waiting events has been answered."""
        segment.waiting -= 1
        if segment is not self._active:
            self._drop_if_idle(segment)

    @property
    def has_overflowed(self) -> bool:
        """Whether some events are in no memory."""
        return any(segment.cut is not None for segment in self._segments.values())

    def overflowed(self) -> Segment | None:
        """A file with events that are in no memory; nothing more is written to it."""
        for segment in self._segments.values():
            if segment.cut is not None:
                if segment is self._active:
                    self._active = None
                return segment
        return None

    def read_back(self, segment: Segment, end: int) -> None:
        """What :meth:`overflowed` gave out has been answered up to *end*."""
        # A pending event's end is written to the file that holds it, and may have come meanwhile.
        segment.cut = end if segment.size > end else None
        self._drop_if_idle(segment)

    def give_up(self, segment: Segment) -> None:
        """A file cannot be read back now: it is left for another process, or for us, to try again."""
        del self._segments[segment.name]
        segment.close()

    def look(self) -> None:
        """Called about every second: cut back a file that is done with, find out whether files or directory went."""
        active = self._active
        try:
            if active is not None and active.idle:
                active.forget()
            if self._directory is not None and (
                self._directory.vanished or (active is not None and os.fstat(active.fd).st_nlink == 0)
            ):
                raise OSError(errno.ENOENT, "the spill directory or a file in it has vanished", str(self._path))
        except OSError as error:
            self._fail(error)
            self._let_go_of_directory()

    def left_behind(self) -> Iterator[LeftBehind]:
        """What dead processes left, file by file; files that make no sense are set aside."""
        directory = self._directory
        if directory is None:
            return
        for file in directory.left():
            contents = _segment.read(os.pread(file.fd, os.fstat(file.fd).st_size, 0))
            left = self._left = LeftBehind(directory, file, contents)
            if contents.events or contents.unresolved:
                yield left
            else:
                left.finish()

    def open(self) -> bool:
        """Open the directory now, not only at the first event; False, said once, when it cannot be had."""
        try:
            self._opened()
        except OSError as error:
            self._fail(error)
            return False
        return True

    def close(self) -> None:
        """Delete what is answered, leave the rest to whoever comes next."""
        if self._left is not None:
            self._left.put_back()
        for segment in list(self._segments.values()):
            if segment.idle:
                self._delete(segment)
            else:
                segment.close()
        self._segments.clear()
        self._active = None
        self._let_go_of_directory()

    def disown(self) -> None:
        """In a forked child: the files are the parent's. Closing a descriptor does not free its lock."""
        if self._left is not None:
            self._left.put_back()
        for segment in self._segments.values():
            segment.close()
        self._segments.clear()
        self._active = None
        self._let_go_of_directory()

    def _opened(self) -> SpillDirectory:
        if self._directory is None:
            self._directory = SpillDirectory(self._path)
        return self._directory

    def _room(self) -> Segment | None:
        """The file to write to; None while the disk is left alone after a failure."""
        if self._not_before and time.monotonic() < self._not_before:
            return None
        self._not_before = 0.0
        active = self._active
        if active is None or active.size >= SEGMENT_MAX_BYTES:
            self._active = None
            if active is not None:
                self._drop_if_idle(active)
            self._active = active = self._begin()
        return active

    def _begin(self) -> Segment:
        directory = self._opened()
        if (size := directory.size()) >= self._max_bytes:
            raise OSError(errno.ENOSPC, f"{size} bytes wait in it already (spill_max_bytes)", str(self._path))
        name, fd = self._create(directory)
        try:
            segment = Segment(fd, name, self._header)
        except OSError:
            directory.delete(name)
            os.close(fd)
            raise
        self._segments[name] = segment
        return segment

    def _create(self, directory: SpillDirectory) -> tuple[str, int]:
        for attempt in range(_ATTEMPTS):
            self._files += 1
            name = f"{self._header.source_id}.{self._files}"
            try:
                return name, directory.create(name)
            except (BlockingIOError, FileNotFoundError):
                # Taken by another process for a file left behind, in the moment between its birth and its lock.
                if attempt == _ATTEMPTS - 1 or directory.vanished:
                    raise
        raise AssertionError

    def _drop_if_idle(self, segment: Segment) -> None:
        if segment.idle and segment is not self._active and segment.name in self._segments:
            del self._segments[segment.name]
            self._delete(segment)

    def _delete(self, segment: Segment) -> None:
        try:
            if self._directory is not None:
                self._directory.delete(segment.name)
        except OSError as error:
            _log.warning("audit spill file cannot be deleted", extra={"file": segment.name, "reason": str(error)})
        segment.close()

    def _let_go_of_directory(self) -> None:
        """Files stay open where something of theirs still waits; the next event begins a new one."""
        self._active = None
        if self._directory is not None:
            self._directory.close()
            self._directory = None

    def _fail(self, error: OSError) -> None:
        self._not_before = time.monotonic() + _PAUSE_S
        if not self._said:
            self._said = True
            _log.warning(
                "audit events cannot be kept on disk; they wait in memory",
                extra={"directory": str(self._path), "reason": str(error)},
            )
