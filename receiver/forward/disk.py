"""The queue on disk: every request is written there on its way, and read back only where memory was short."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from receiver.forward.batch import Batch, Part, Waiting
from receiver.forward.segment_log import SegmentLog
from receiver.items import count_items
from receiver.segments import FRAME_BYTES

#: Requests that wait for the disk itself, in bytes; beyond it the disk is too slow and no more are taken in.
UNWRITTEN_MAX_BYTES = 64 * 1024 * 1024


class DiskQueue:
    """Outlives its process, SIGKILL included, from the moment a request is written: some milliseconds after ``put``.

    One thread does all reading and writing, in turns; at most one turn is under way.
    """

    lasts = True

    def __init__(self, directory: Path, max_bytes: int, waiting: Waiting, at_hand_max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._waiting = waiting
        self._at_hand_max_bytes = at_hand_max_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forward-disk")
        self._unwritten: list[bytes] = []
        self._unwritten_bytes = 0
        self._begun: dict[Batch, int] = {}  # each batch under way, and where it began
        self._work = asyncio.Event()
        self._stopping = False
        self._refused = 0
        #: Spans or records in what the disk would not take.
        self.lost_items = 0

    async def start(self) -> None:
        """Open the files and begin to write."""
        open_log = asyncio.get_running_loop().run_in_executor(
            self._thread, SegmentLog, self._directory, self._max_bytes
        )
        self._log = await open_log
        self._taken = self._reached = self._log.begin  # up to where batches were cut, and requests brought to hand
        self._running = asyncio.create_task(self._run())
        self._work.set()

    def put(self, body: bytes) -> bool:
        """Take one request."""
        needed = self._unwritten_bytes + FRAME_BYTES + len(body)
        too_slow = self._unwritten_bytes > 0 and needed > UNWRITTEN_MAX_BYTES
        if too_slow or self._log.usage + needed > self._max_bytes:
            return False
        self._unwritten.append(body)
        self._unwritten_bytes = needed
        self._work.set()
        return True

    async def take(self) -> Batch | None:
        """The next batch."""
        batch = await self._waiting.cut()
        if batch is not None:
            self._begun[batch] = self._taken
            self._taken = batch.parts[-1].end
            self._work.set()
        return batch

    def done(self, batch: Batch) -> None:
        """Forget it, as soon as all before it is done."""
        del self._begun[batch]
        self._work.set()

    def close(self) -> None:
        """What is at hand is let go; the rest stays on disk."""
        self._waiting.close()

    async def stop(self) -> int:
        """Write what is not written yet, and close the files: nothing is lost but what the disk does not take."""
        refused = self._refused
        self._stopping = True
        self._work.set()
        await self._running
        await asyncio.get_running_loop().run_in_executor(self._thread, self._log.close, self._cursor())
        self._thread.shutdown()
        return self._refused - refused

    @property
    def size(self) -> int:
        """Bytes that the backend has not taken."""
        return self._log.behind(self._cursor()) + self._unwritten_bytes

    @property
    def lost(self) -> dict[str, int]:
        """Requests the disk would not take, and segments that could not be read to their end."""
        return {"disk": self._refused, "damaged": len(self._log.damaged)}

    def _cursor(self) -> int:
        return min(self._begun.values(), default=self._taken)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not (self._stopping and not self._unwritten):
            await self._work.wait()
            self._work.clear()
            fresh, self._unwritten = self._unwritten, []
            room = self._at_hand_max_bytes - self._waiting.size
            parts = await loop.run_in_executor(self._thread, self._turn, fresh, self._cursor(), room)
            self._unwritten_bytes -= sum(FRAME_BYTES + len(body) for body in fresh)
            self._waiting.add(parts)

    def _turn(self, fresh: list[bytes], cursor: int, room: int) -> list[Part]:
        """On the thread: forget what is done, write *fresh*, bring up to *room* bytes to hand."""
        self._log.forget(cursor)
        level = self._reached == self._log.end  # nothing on disk that is not at hand
        try:
            written = self._log.append(fresh) if fresh else []
        except OSError:
            return self._without_disk(fresh, room if level else 0)
        if not level:
            return self._read_back(room)
        at_hand = _fitting(written, room)
        if at_hand:
            self._reached = at_hand[-1].end
        return at_hand

    def _without_disk(self, fresh: list[bytes], room: int) -> list[Part]:
        """What the disk does not take goes on from memory as far as there is room, and is lost beyond it."""
        at_hand = _fitting([Part(body, self._log.end) for body in fresh], room)
        refused = fresh[len(at_hand) :]
        self._refused += len(refused)
        self.lost_items += sum(map(count_items, refused))
        return at_hand

    def _read_back(self, room: int) -> list[Part]:
        if room <= 0:
            return []
        parts = self._log.read(self._reached, room)
        self._reached = parts[-1].end if parts else self._log.end
        return parts


def _fitting(parts: list[Part], room: int) -> list[Part]:
    """As many of *parts* as have room; one may stand out."""
    fitting = []
    for part in parts:
        if room <= 0:
            break
        fitting.append(part)
        room -= len(part.body)
    return fitting
