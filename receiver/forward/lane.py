"""One signal's way to one backend: its own queue, its own pauses, a bounded number of requests under way."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from receiver.config import Forward
from receiver.forward.backoff import Backoff
from receiver.forward.batch import Batch
from receiver.forward.exporter import Exporter
from receiver.forward.outcome import Later, Never, Taken
from receiver.forward.queue import Queue
from receiver.forward.redaction import redacted
from receiver.forward.tally import Tally
from receiver.signal import Signal

_LOG = logging.getLogger(__name__)


class Lane:
    """Sends what it is offered until the backend has taken it or refused it for good."""

    def __init__(self, settings: Forward, signal: Signal, exporter: Exporter, queue: Queue) -> None:
        self._signal = signal
        self._exporter = exporter
        self._queue = queue
        self._capacity = settings.queue_max_bytes
        self._redact = settings.redact
        self._slots = asyncio.Semaphore(settings.in_flight_max)
        self._backoff = Backoff(settings.retry_max_s)
        self._tally = Tally(settings.called, signal)
        self._under_way: set[asyncio.Task[None]] = set()

    def offer(self, body: bytes) -> None:
        """Take one request, without waiting; one that does not fit is dropped and counted."""
        if not self._queue.put(body):
            self._tally.overflowed(body)

    async def start(self) -> None:
        """Begin to send."""
        await self._queue.start()
        self._sending = asyncio.create_task(self._send())

    async def stop(self, grace_s: float) -> None:
        """Send what is at hand for up to *grace_s*; the rest stays on disk, or is dropped with the memory, counted."""
        self._queue.close()
        if not (self._queue.lasts and self._tally.problem):
            await asyncio.wait((self._sending,), timeout=grace_s)
        tasks = (self._sending, *self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if lost := await self._queue.stop():
            self._tally.stopped(lost)

    def facts(self) -> dict[str, Any]:
        """Its counts, what waits and what stands in its way."""
        size, capacity = self._queue.size, self._capacity
        waiting = {"queue_bytes": size, "queue_size": size, "queue_capacity": capacity}
        return {**self._tally.facts(self._queue.lost, self._queue.lost_items), **waiting}

    async def _send(self) -> None:
        # First a free place, then the batch: what comes meanwhile is merged.
        while await self._slots.acquire() and (batch := await self._queue.take()) is not None:
            task = asyncio.create_task(self._deliver(batch))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _deliver(self, batch: Batch) -> None:
        """See *batch* to its end; when this is cancelled, it is not done."""
        try:
            await self._export(await self._clean(batch.bodies))
        except Exception as error:  # a mistake of ours costs this batch, not those behind it
            _LOG.exception("forwarding failed")
            self._tally.dropped("failed", batch.bodies, repr(error))
        self._queue.done(batch)
        self._slots.release()

    async def _clean(self, bodies: Sequence[bytes]) -> Sequence[bytes]:
        """*bodies*, redacted where that is asked for; on a thread, for it takes its time."""
        if not self._redact:
            return bodies
        clean = await asyncio.to_thread(_redacted, self._signal, bodies)
        if unreadable := [body for body, read in zip(bodies, clean, strict=True) if read is None]:
            self._tally.dropped("unreadable", unreadable)
        return [body for body in clean if body is not None]

    async def _export(self, bodies: Sequence[bytes]) -> None:
        """Send *bodies* as one; where one of them may be at fault, in ever smaller parts, so that it alone is lost."""
        if not bodies:
            return
        body = b"".join(bodies)
        outcome = await self._settled(body)
        if isinstance(outcome, Taken):
            self._tally.sent(len(bodies), body, outcome.rejected)
        elif outcome.parts_fit and len(bodies) > 1:
            half = len(bodies) // 2
            await self._export(bodies[:half])
            await self._export(bodies[half:])
        elif outcome.parts_fit:
            self._tally.dropped(outcome.reason, bodies, outcome.problem)
        else:
            self._tally.refused(outcome.reason, bodies, outcome.problem)

    async def _settled(self, body: bytes) -> Taken | Never:
        """The answer to *body*, asked for as often as the backend puts it off."""
        while True:
            begun = await self._backoff.pause()
            outcome = await self._exporter.export(self._signal, body)
            if not isinstance(outcome, Later):
                self._backoff.succeeded()
                return outcome
            self._backoff.failed(begun, outcome.after_s)
            self._tally.retry(outcome.problem)


def _redacted(signal: Signal, bodies: Sequence[bytes]) -> list[bytes | None]:
    return [_redacted_one(signal, body) for body in bodies]


def _redacted_one(signal: Signal, body: bytes) -> bytes | None:
    try:
        return redacted(signal, body)
    except DecodeError:  # what cannot be read cannot be redacted, and does not go out
        return None
