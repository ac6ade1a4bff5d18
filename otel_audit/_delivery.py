"""From ``record()`` to the receiver: numbered, spilled, queued, sent by one thread until it has been answered."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit import _segment, _value
from otel_audit._backlog import Backlog, report_batch
from otel_audit._config import Config, Guarantee
from otel_audit._enforced import Ask, Desk
from otel_audit._event import Event
from otel_audit._exporter import Answer
from otel_audit._fork import around_forks
from otel_audit._pending import PendingEvent
from otel_audit._queue import Item, Queue
from otel_audit._segment import Header, Segment
from otel_audit._sender import Batch, Sender
from otel_audit._spill import Place, Spill
from otel_audit._stream import Stream

_log = logging.getLogger("otel_audit")

NOT_RECORDED = "it could not be recorded"
#: How long events gather before they leave, and how often the thread looks whether their spans have ended.
_GATHER_S = 0.05
#: How often it looks after its own files, and how often it reports.
_LOOK_EVERY_S, _REPORT_EVERY_S = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of this process's events.

    *recorded* were taken by ``record()``; of those *delivered* have been answered by the receiver, *waiting* have
    not yet, and *lost* (by reason) never will be. *unspilled* could not be kept on disk and waited in memory alone;
    *unconfirmed* were answered without a receipt, by a Collector in between; *abandoned* are those ``enforced`` gave
    up waiting for; *wrong* calls were recorded with a note.
    """

    recorded: int
    delivered: int
    waiting: int
    unspilled: int
    unconfirmed: int
    abandoned: int
    wrong: int
    lost: Mapping[str, int]


class Delivery:
    """Takes events from any thread.

    ``best_effort`` events wait in memory; ``journaled`` ones are on disk before they wait there too, and where
    memory has no room on disk alone. An event leaves when its span has ended or when it is due, whichever comes
    first. What the receiver does not take now is sent again until it does. What is lost is counted, by reason, and
    said once in the log; its number is given out all the same, so that the receiver sees the gap.
    """

    def __init__(
        self,
        config: Config,
        resource: Mapping[str, Any],
        version: str,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._config = config
        self._resource = {key: _value.salvage(value) for key, value in resource.items()}
        self._version = version
        self._now_ns = now_ns
        self._spill: Spill | None = None
        self._sender: Sender | None = None
        self._begin()
        self._start_if_others_may_need_us()
        # Nothing is half done at a fork: a file opened in that moment would stay locked by a child that knows nothing.
        around_forks(self._hold_still, self._go_on, self._begin_in_child)

    def _begin(self) -> None:
        # Re-entrant: a signal handler or a finaliser may record while its own thread is in here.
        self._lock = threading.RLock()
        self._moved = threading.Condition(self._lock)
        self.stream = Stream()
        self._queue = Queue(self._config.queue_max_events, self._config.queue_max_bytes)
        self._spill = self._new_spill()
        self._desk = Desk(self._config, self._version, self._resource, self.stream.source_id, self._settled)
        self._backlog = self._new_backlog()
        self._sender = None
        self._hurry_until = self._gather_until = 0.0
        self._ended = self._closed = False
        self._pending_in_memory = 0
        self._delivered = self._unspilled = self._unconfirmed = self._wrong = 0
        self._look_at = 0.0
        self._report_at = time.monotonic() + _REPORT_EVERY_S

    def _hold_still(self) -> None:
        self._lock.acquire()

    def _go_on(self) -> None:
        self._lock.release()

    def _begin_in_child(self) -> None:
        """A forked child speaks for itself: what waited still belongs to the parent, which sends it."""
        if self._spill is not None:
            self._spill.disown()
        ended = self._ended
        self._begin()
        self._ended = ended
        if not ended:
            self._start_if_others_may_need_us()

    def _new_spill(self) -> Spill | None:
        if self._config.spill_dir is None:
            if self._config.guarantee != "best_effort":
                _log.warning("audit events wait in memory alone: no directory is configured, and there is no home")
            return None
        header = Header(self.stream.source_id, self._resource, self._version)
        return Spill(self._config.spill_dir, self._config.spill_max_bytes, header)

    def _new_backlog(self) -> Backlog | None:
        if self._spill is None:
            return None
        own = (self.stream.source_id, self._resource)
        return Backlog(self._config, self._spill, self._lock, *own, self._now_ns)

    def _start_if_others_may_need_us(self) -> None:
        """A process that journals sends on what dead ones left, though it never records anything itself."""
        if self._config.guarantee != "best_effort" and self._spill is not None and self._spill.open():
            with self._lock:
                self._wake()

    # -- taking events

    def put(self, event: Event, span: ReadableSpan | None, guarantee: Guarantee) -> None:
        """Take *event*, ``best_effort`` or ``journaled``."""
        with self._lock:
            number = self.stream.number()
            segment = self._spilled(number, event) if guarantee == "journaled" else None
            self._keep(Item(number, event, span, time.monotonic() + self._config.departure_s, segment))
            self._wake()

    def ask(self, event: Event, span: ReadableSpan | None) -> Ask:
        """Send *event* at once; what is returned waits for the receipt."""
        with self._lock:
            item = Item(self.stream.number(), event, span)
        return self._desk.ask(item, time.monotonic() + self._config.enforced_timeout_s)

    def hold(self, event: Event, span: ReadableSpan | None, guarantee: Guarantee) -> PendingEvent:
        """Take an event whose transaction has not ended; it is on disk as pending unless it is ``best_effort``."""
        with self._lock:
            place = None
            if guarantee != "best_effort":
                place = None if self._spill is None else self._spill.write_pending(event)
                if place is None:
                    self._unspilled += 1
                else:
                    place.segment.waiting += 1
            if place is None:
                self._pending_in_memory += 1
            pending = PendingEvent(self, guarantee, place, event, span)
            if self._queue.has_room(event) or guarantee == "enforced":
                self._queue.reserve(event)
            elif place is not None:
                pending.event = None
            else:
                self._pending_in_memory -= 1
                self.stream.number()
                self._lose("the queue is full")
                pending.done = True
            return pending

    def lose_pending(self, pending: PendingEvent, error: OSError) -> None:
        """A pending event that was on disk alone cannot be read back."""
        with self._lock:
            pending.done = True
            self.stream.number()
            self._lose(f"a pending event cannot be read back: {error.strerror}")

    def said_by(self, pending: PendingEvent) -> bytes:
        """What a pending event says, from memory or from its file; OSError when that cannot be read."""
        if pending.event is not None:
            return pending.event.said
        with self._lock:
            return pending.place.segment.pending_at(pending.place.at).said  # type: ignore[union-attr]

    def resolve(self, pending: PendingEvent, said: bytes | None) -> Ask | None:
        """The end of a pending event's transaction: *said* is said instead of it, None when it happened as told."""
        with self._lock:
            if pending.done or pending.stream is not self.stream:  # a forked child leaves it to its parent
                return None
            pending.done = True
            if self._closed:  # it stays on disk as pending: the next process cannot know more either
                return None
            event, place = pending.event, pending.place
            in_memory = event is not None
            if event is None:
                event = place.segment.pending_at(place.at)  # type: ignore[union-attr]
            number, now = self.stream.number(), self._now_ns()
            told = event._replace(said=event.said if said is None else said, time_ns=now)
            due = time.monotonic() + self._config.departure_s
            item = Item(number, told, pending.span, due, None if place is None else place.segment)
            if in_memory:
                self._queue.release(event)
            if place is None:
                self._pending_in_memory -= 1
            kept = place is not None and self._told_on_disk(place, item, said, in_memory)
            if kept and place is not None and place.segment.cut is not None:
                item = item._replace(segment=None)  # it is read back with all that follows the cut
            if pending.guarantee == "enforced" and said is None:
                return self._desk.ask(item, time.monotonic() + self._config.enforced_timeout_s, kept)
            if item.segment is not None or not kept:
                self._queue.put(item)
            self._wake()
            return None

    def _told_on_disk(self, place: Place, item: Item, said: bytes | None, in_memory: bool) -> bool:
        """Write how a pending event ended; what is in no memory is to be read back from there on."""
        segment, end = place.segment, place.segment.size
        if self._spill is None or not self._spill.resolve(place, item.number, item.event.time_ns, said):
            return False
        if not in_memory and segment.cut is None:
            segment.cut = end
        if segment.cut is not None:
            self._spill.answered(segment)
        return True

    def noted(self) -> None:
        """A call was wrong, and recorded with a note."""
        with self._lock:
            self._wrong += 1

    def failed(self) -> bool:
        """A call could not be recorded at all; its number is given out, so that the receiver sees the gap."""
        with self._lock:
            self.stream.number()
            self._lose(NOT_RECORDED)
            return self.stream.lost[NOT_RECORDED] == 1

    def _spilled(self, number: int, event: Event) -> Segment | None:
        segment = None if self._spill is None else self._spill.write(_segment.EVENT, number, event)
        if segment is None:
            self._unspilled += 1
        return segment

    def _keep(self, item: Item) -> None:
        """In memory where there is room, else on disk alone, else nowhere."""
        segment = item.segment
        if segment is not None and (segment.cut is not None or self._ended):
            return  # it leaves from the disk, if need be in the next process
        if self._ended:
            self._lose("delivery has ended")
        elif self._queue.has_room(item.event):
            self._queue.put(item)
            if segment is not None:
                segment.waiting += 1
        elif segment is not None:
            segment.cut = segment.last_at
        else:
            self._lose("the queue is full")

    def _lose(self, reason: str, count: int = 1) -> None:
        if not self.stream.lost:
            _log.error("audit events lost", extra={"count": count, "reason": reason})
        self.stream.lose(reason, count)

    def _wake(self) -> None:
        if self._sender is not None and self._queue.events > 1:
            return  # it is awake
        self._gather_until = time.monotonic() + _GATHER_S
        if self._sender is None and not self._ended:
            self._sender = Sender(self._config, self._version, self)
            self._sender.start()
        self._moved.notify_all()

    # -- what a caller may ask for

    def flush(self, timeout_s: float) -> bool:
        """Send what waits without waiting for its spans; True once the receiver has taken all of it."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            self._hurry_until = deadline
            self._moved.notify_all()
            try:
                return self._moved.wait_for(lambda: self._ended or not self._waits, timeout_s) and not self._waits
            finally:
                self._hurry_until = 0.0

    def close(self, timeout_s: float) -> bool:
        """Flush, report, and take nothing more; what is on disk stays there for the next process."""
        deadline = time.monotonic() + timeout_s
        flushed = self.flush(timeout_s)
        with self._lock:
            self._ended = True
            self._moved.notify_all()
            sender, self._sender = self._sender, None
        self._desk.close()
        if sender is not None:
            sender.join(max(deadline - time.monotonic(), 0.1) if flushed else 0.1)
        with self._lock:
            self._closed = True
            rest = self._queue.clear()
            if gone := sum(item.segment is None for item in rest):
                self._lose("the process ended before the receiver took them", gone)
            if unknown := self._pending_in_memory:
                self._pending_in_memory = 0
                self.stream.last += unknown
                self._lose("the process ended before their transaction", unknown)
            if self._spill is not None:
                self._spill.close()
        return flushed

    def statistics(self) -> Statistics:
        """What became of the events so far."""
        with self._lock:
            lost = dict(self.stream.lost)
            return Statistics(
                recorded=self.stream.last,
                delivered=self._delivered,
                waiting=max(0, self.stream.last - self._delivered - self.stream.abandoned - sum(lost.values())),
                unspilled=self._unspilled,
                unconfirmed=self._unconfirmed,
                abandoned=self.stream.abandoned,
                wrong=self._wrong,
                lost=lost,
            )

    @property
    def _waits(self) -> bool:
        return self._queue.events > self._queue.reserved or (self._spill is not None and self._spill.has_overflowed)

    # -- what the sender's thread asks for

    def next_batch(self) -> Batch | None:
        """The next events of the queue, waiting for them; None when there is something else to do."""
        with self._lock:
            while not self._ended:
                now = time.monotonic()
                hurry = now < self._hurry_until
                # In the caller's way as seldom as possible: what came within a moment leaves together.
                if hurry or now >= self._gather_until or self._queue.ready >= self._config.batch_max_events:
                    self._queue.ripen(now, hurry)
                    if self._queue.ready:
                        return self._own_batch()
                if self._backlog is not None and self._backlog.waits:
                    return None
                chores = min(self._report_at, self._look_at if self._spill is not None else self._report_at)
                if now >= chores:
                    return None
                self._moved.wait(min(_GATHER_S, chores - now) if self._queue.events else chores - now)
        return None

    def _own_batch(self) -> Batch:
        items = self._queue.take(self._config.batch_max_events, self._config.batch_max_bytes)
        self._gather_until = time.monotonic() + _GATHER_S
        return Batch(self.stream.source_id, self._resource, items, queued=True)

    def next_from_disk(self) -> Batch | None:
        """The next events that are in no memory."""
        batch = None if self._backlog is None else self._backlog.next()
        if batch is None:
            with self._lock:
                self._moved.notify_all()  # whoever flushes waits for what was read back, too
        return batch

    def report(self) -> Batch | None:
        """What the stream knows of itself, when that is due."""
        with self._lock:
            if time.monotonic() < self._report_at and not self._ended:
                return None
            self._report_at = time.monotonic() + _REPORT_EVERY_S
            if not self.stream.changed:
                return None
            return report_batch(self._resource, self.stream.report(), self._now_ns())

    def reported(self, batch: Batch) -> None:
        """The receiver has the report."""
        with self._lock:
            self.stream.reported(batch.items[0].event.read()[1])

    def look_after_files(self) -> None:
        """Called between batches and between attempts; does something about once a second."""
        now = time.monotonic()
        if self._spill is None or now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        with self._lock:
            self._spill.look()

    def pause(self, seconds: float) -> bool:
        """Wait before sending again; False once delivery has ended."""
        with self._lock:
            if not self._ended:
                self._moved.wait(seconds)
            return not self._ended

    @property
    def ended(self) -> bool:
        """Whether the thread is to end."""
        return self._ended

    def took(self, batch: Batch, answer: Answer) -> None:
        """The receiver has answered for all of *batch*."""
        with self._lock:
            if answer.rejected:
                self._lost_from(batch, f"rejected: {answer.message}", answer.rejected)
            elif answer.message:
                _log.error("audit events quarantined by the receiver", extra={"reason": answer.message})
            elif answer.receipt is None and self._is_own(batch):
                if not self._unconfirmed:
                    _log.warning("audit events are taken without a receipt: whether they are durable is unconfirmed")
                self._unconfirmed += len(batch.items)
            self._settle(batch, len(batch.items) - answer.rejected)

    def refused(self, batch: Batch, reason: str) -> None:
        """The receiver will never take this one event."""
        with self._lock:
            self._lost_from(batch, reason, len(batch.items))
            self._settle(batch, 0)

    def _lost_from(self, batch: Batch, reason: str, count: int) -> None:
        if self._is_own(batch):
            self._lose(reason[:200], count)
        else:
            facts = {"count": count, "reason": reason, "source": batch.source_id}
            _log.error("audit events of a process that ended were refused", extra=facts)

    def _settle(self, batch: Batch, delivered: int) -> None:
        if self._closed:
            return  # the answer came too late: what was left has been counted or stays on disk
        if self._is_own(batch):
            self._delivered += delivered
        if batch.queued:
            self._queue.answered(batch.items)
            for item in batch.items:
                if item.segment is not None and self._spill is not None:
                    self._spill.answered(item.segment)
        self._moved.notify_all()

    def _is_own(self, batch: Batch) -> bool:
        return batch.source_id == self.stream.source_id and batch.items[0].number > 0

    def _settled(self, ask: Ask, receipt: str | None) -> None:
        """An ``enforced`` event has its receipt, or nobody waits for it any more."""
        with self._lock:
            item = ask.item
            if receipt is not None:
                self._delivered += 1
                if item.segment is not None and self._spill is not None:
                    self._spill.answered(item.segment)
            elif ask.kept:
                # Its transaction stands: the caller knows of the delay, and the event is sent on all the same.
                if item.segment is not None:
                    self._queue.put(item)
                self._wake()
            else:
                self.stream.abandon(item.number)
