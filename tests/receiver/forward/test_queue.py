"""Requests that wait in memory."""

import asyncio

from receiver.forward.batch import Waiting
from receiver.forward.queue import PART_BYTES, MemoryQueue

MAX_BYTES = 100_000


def test_tiny_requests_are_bounded_too():
    """What each costs beside its bytes counts: a million of them do not fill the memory."""

    async def run() -> None:
        queue = MemoryQueue(MAX_BYTES, Waiting(1000, 0))
        taken = 0
        while queue.put(b"\x0a\x00"):
            taken += 1
        assert taken == MAX_BYTES // (PART_BYTES + 2)
        batch = await queue.take()
        assert batch is not None
        assert len(batch.parts) == 495
        queue.done(batch)
        assert queue.size == 0
        assert queue.put(bytes(MAX_BYTES - PART_BYTES))
        assert not queue.put(b"")

    asyncio.run(run())


def test_what_is_not_done_is_lost_at_the_end():
    """A batch under way counts as waiting."""

    async def run() -> None:
        queue = MemoryQueue(MAX_BYTES, Waiting(1, 0))
        for body in (b"one", b"two", b"three"):
            assert queue.put(body)
        batch = await queue.take()
        assert batch is not None
        assert batch.bodies == (b"one",)
        assert await queue.stop() == 3
        queue.done(batch)
        assert await queue.stop() == 2

    asyncio.run(run())
