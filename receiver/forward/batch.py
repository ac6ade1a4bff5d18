"""Requests that wait to be sent, and how many of them make a batch."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Part(NamedTuple):
    """One request as it goes on; *end* is the position after it on disk, 0 where there is none."""

    body: bytes
    end: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Requests that are sent as one: their bytes one behind the other. No two batches are the same."""

    parts: tuple[Part, ...]

    @property
    def bodies(self) -> tuple[bytes, ...]:
        """The requests."""
        return tuple(part.body for part in self.parts)

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(len(part.body) for part in self.parts)


class Waiting:
    """The requests at hand, oldest first: a batch is cut when it is full, or when the oldest has waited long enough."""

    def __init__(self, batch_max_bytes: int, batch_wait_ms: float) -> None:
        self._max_bytes = batch_max_bytes
        self._wait_s = batch_wait_ms / 1000
        self._parts: deque[Part] = deque()
        self._since = 0.0
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._closed = False
        #: Bytes at hand.
        self.size = 0

    def add(self, parts: Iterable[Part]) -> None:
        """Put *parts* behind the others."""
        for part in parts:
            if not self._parts:
                self._since = asyncio.get_running_loop().time()
                self._some.set()
            self._parts.append(part)
            self.size += len(part.body)
        if self.size >= self._max_bytes:
            self._enough.set()

    def close(self) -> None:
        """Wait for no more: what is at hand is cut at once, then there is nothing."""
        self._closed = True
        self._some.set()
        self._enough.set()

    async def cut(self) -> Batch | None:
        """The next batch, at least one request however large; None once closed and empty."""
        await self._some.wait()
        if not self._enough.is_set():
            left_s = self._since + self._wait_s - asyncio.get_running_loop().time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), max(0.0, left_s))
        return self._cut() if self._parts else None

    def _cut(self) -> Batch:
        parts = [self._parts.popleft()]
        size = len(parts[0].body)
        while self._parts and size + len(self._parts[0].body) <= self._max_bytes:
            parts.append(self._parts.popleft())
            size += len(parts[-1].body)
        self.size -= size
        self._since = asyncio.get_running_loop().time()
        if not self._closed:
            if not self._parts:
                self._some.clear()
            if self.size < self._max_bytes:
                self._enough.clear()
        return Batch(tuple(parts))
