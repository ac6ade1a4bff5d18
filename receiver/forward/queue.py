"""Where requests wait for a backend: the port, and the queue in memory."""

from typing import Protocol

from receiver.forward.batch import Batch, Part, Waiting


class Queue(Protocol):
    """Requests in the order they came. Bounded: what does not fit is not taken.

    A batch that was taken out counts as waiting until it is done; one that never is done is there again after a
    restart where ``lasts`` says so, and lost where not.
    """

    lasts: bool

    async def start(self) -> None:
        """Open it, with what an earlier process left."""

    def put(self, body: bytes) -> bool:
        """Take one request, without waiting; False when it does not fit."""

    async def take(self) -> Batch | None:
        """The next batch, as soon as there is one; None once closed, when no more is at hand."""

    def done(self, batch: Batch) -> None:
        """The backend has *batch*, or refused it for good."""

    def close(self) -> None:
        """Take no more in, and let go of what is at hand without waiting for fuller batches."""

    async def stop(self) -> int:
        """End; how many requests are lost by that."""

    @property
    def size(self) -> int:
        """Bytes waiting."""

    @property
    def lost(self) -> dict[str, int]:
        """Requests lost after they were taken in, by reason."""

    @property
    def lost_items(self) -> int:
        """Spans or log records in them."""


#: What a request costs in memory beside its bytes.
PART_BYTES = 200


class MemoryQueue:
    """Does not outlive its process."""

    lasts = False
    lost_items = 0

    def __init__(self, max_bytes: int, waiting: Waiting) -> None:
        self._max_bytes = max_bytes
        self._waiting = waiting
        self._count = 0
        self.size = 0
        self.lost: dict[str, int] = {}

    async def start(self) -> None:
        """There is nothing to open."""

    def put(self, body: bytes) -> bool:
        """Take one request."""
        needed = PART_BYTES + len(body)
        if self.size + needed > self._max_bytes:
            return False
        self.size += needed
        self._count += 1
        self._waiting.add((Part(body),))
        return True

    async def take(self) -> Batch | None:
        """The next batch."""
        return await self._waiting.cut()

    def done(self, batch: Batch) -> None:
        """Make room."""
        self.size -= batch.size + PART_BYTES * len(batch.parts)
        self._count -= len(batch.parts)

    def close(self) -> None:
        """Let go of what there is."""
        self._waiting.close()

    async def stop(self) -> int:
        """Whatever is not done is lost."""
        return self._count
