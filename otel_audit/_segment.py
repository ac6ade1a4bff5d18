"""One spill file: events of one process, one after the other, readable up to wherever the process died.

A file is a row of frames: length and CRC-32 of what follows (both 32 bits, little-endian), then kind, number, time,
trace id, parent span id and the event's own bytes, then a mark. The first frame is the header: whose stream and
resource it is. A process killed in the middle of a write leaves a frame without its mark, an event whose ``record()``
never returned; a frame with its mark that cannot be read is damage.
"""

import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from otel_audit._event import Event, Numbered

_FRAME = struct.Struct("<II")
_BODY = struct.Struct("<BQQ16s8s")

#: Stands in no event: MessagePack never uses 0xC1.
_MARK = b"\xc1audit\xc1\n"

_HEADER = 0
EVENT = 1
#: An event inside a transaction; its number is a ticket by which RESOLVED names it.
PENDING = 2
#: How a pending event ended: its number and time, and what is said instead of it where it did not happen.
RESOLVED = 3

_NOWHERE = Event(b"", 0, 0, 0)


class Header(NamedTuple):
    """Whose events these are."""

    source_id: str
    resource: dict[str, Any]
    version: str


class Resolved(NamedTuple):
    """What a RESOLVED frame says."""

    ticket: int
    said: bytes | None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a spill file holds. *unresolved* are pending events of which nobody knows how they ended.

    *problem* is what is wrong with the file from some point on; what stood before it is here.
    """

    header: Header | None
    events: tuple[Numbered, ...]
    unresolved: tuple[Event, ...]
    problem: str | None

    @property
    def last(self) -> int:
        """The highest number in it, 0 when there is none."""
        return max((numbered.number for numbered in self.events), default=0)


class Segment:
    """A spill file being written; every method is called under its owner's lock.

    *waiting* counts the events that are only to be answered (those in memory, those pending); from *cut* on, what
    the file holds is in no memory and has to be read back. *last_at* is where the last frame begins.
    """

    def __init__(self, fd: int, name: str, header: Header) -> None:
        """Begins the file; OSError when it cannot be written."""
        self.fd = fd
        self.name = name
        self.waiting = 0
        self.cut: int | None = None
        self.size = 0
        self.last_at = 0
        self._header = _frame(_HEADER, 0, _NOWHERE._replace(said=msgspec.msgpack.encode(header)))
        self._append(self._header)

    def append(self, kind: int, number: int, event: Event) -> None:
        """Write one frame; OSError when it cannot be written: the file is as before."""
        self._append(_frame(kind, number, event))

    def resolve(self, ticket: int, number: int, time_ns: int, said: bytes | None) -> None:
        """Write how the pending event *ticket* ended."""
        told = _NOWHERE._replace(said=msgspec.msgpack.encode(Resolved(ticket, said)), time_ns=time_ns)
        self.append(RESOLVED, number, told)

    def pending_at(self, at: int) -> Event:
        """The pending event whose frame stands at *at*; OSError when it cannot be read."""
        length, _ = _FRAME.unpack(os.pread(self.fd, _FRAME.size, at))
        body = os.pread(self.fd, length, at + _FRAME.size)
        _, _, time_ns, trace, parent = _BODY.unpack_from(body)
        return _event(time_ns, trace, parent, body[_BODY.size :])

    def forget(self) -> None:
        """Cut the file back to its header: everything in it has been answered."""
        if self.size > len(self._header):
            os.ftruncate(self.fd, len(self._header))
            self.size = len(self._header)

    @property
    def idle(self) -> bool:
        """Whether nothing in it still has to be answered."""
        return self.waiting == 0 and self.cut is None

    def contents(self) -> Contents:
        """The file as it stands."""
        return read(os.pread(self.fd, self.size, 0))

    def overflowed(self, end: int) -> tuple[Numbered, ...]:
        """The events decided from *cut* on and before *end*: those that are in no memory."""
        return read(os.pread(self.fd, end, 0), self.cut or 0).events

    def close(self) -> None:
        """Let go of the file, and its lock with it; what comes too late finds no file, never another one."""
        fd, self.fd = self.fd, -1
        os.close(fd)

    def _append(self, frame: bytes) -> None:
        written = 0
        try:
            written = os.write(self.fd, frame)
            while written < len(frame):  # a disk that is about to be full
                written += os.write(self.fd, frame[written:])
        except OSError:
            if written:
                os.ftruncate(self.fd, self.size)  # half a frame would end the file for its reader
            raise
        self.last_at = self.size
        self.size += written


def read(data: bytes, since: int = 0) -> Contents:
    """What *data*, a whole spill file, holds; events decided before offset *since* are left out."""
    reading = _Reading()
    at, problem = 0, None
    while at < len(data):
        body = _body(data, at)
        if body is None:
            if reading.header is None or data.find(_MARK, at) >= 0:
                problem = f"not readable from byte {at} of {len(data)} on"
            break
        try:
            reading.take(body, counts=at >= since)
        except (ValueError, KeyError, struct.error, msgspec.MsgspecError) as error:
            problem = f"no sense from byte {at} on: {error}"
            break
        at += _FRAME.size + len(body)
        if not _MARK.startswith(data[at : at + len(_MARK)]):
            problem = f"no mark at byte {at}"
            break
        at += len(_MARK)
    if reading.header is None and problem is None and data:
        problem = "no header"
    return Contents(reading.header, tuple(reading.events), tuple(reading.pending.values()), problem)


@dataclass(slots=True)
class _Reading:
    header: Header | None = None
    events: list[Numbered] = field(default_factory=list)
    pending: dict[int, Event] = field(default_factory=dict)

    def take(self, body: memoryview, counts: bool) -> None:
        kind, number, time_ns, trace, parent = _BODY.unpack_from(body)
        said = bytes(body[_BODY.size :])
        if (kind == _HEADER) is not (self.header is None):
            raise ValueError("the header does not stand at the beginning")
        if kind == _HEADER:
            self.header = msgspec.msgpack.decode(said, type=Header)
            return
        event = _event(time_ns, trace, parent, said)
        if kind == PENDING:
            self.pending[number] = event
        elif kind == RESOLVED:
            resolved = msgspec.msgpack.decode(said, type=Resolved)
            event = self.pending.pop(resolved.ticket)
            if counts:
                told = event.said if resolved.said is None else resolved.said
                self.events.append(Numbered(number, event._replace(said=told, time_ns=time_ns)))
        elif kind == EVENT:
            if counts:
                self.events.append(Numbered(number, event))
        else:
            raise ValueError(f"kind {kind} is unknown")


def _event(time_ns: int, trace: bytes, parent: bytes, said: bytes) -> Event:
    return Event(said, time_ns, int.from_bytes(trace), int.from_bytes(parent))


def _frame(kind: int, number: int, event: Event) -> bytes:
    said, time_ns, trace_id, parent_span_id = event
    head = _BODY.pack(kind, number, time_ns, trace_id.to_bytes(16), parent_span_id.to_bytes(8))
    checksum = zlib.crc32(said, zlib.crc32(head))
    return b"".join((_FRAME.pack(len(head) + len(said), checksum), head, said, _MARK))


def _body(data: bytes, at: int) -> memoryview | None:
    """The frame's body at *at*; None when it is cut short, or its checksum is another."""
    if at + _FRAME.size > len(data):
        return None
    length, checksum = _FRAME.unpack_from(data, at)
    body = memoryview(data)[at + _FRAME.size : at + _FRAME.size + length]
    return body if len(body) == length >= _BODY.size and zlib.crc32(body) == checksum else None
