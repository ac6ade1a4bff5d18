"""Append, fsync, acknowledge: the only promise to senders."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from receiver.clock import now_ns
from receiver.errors import Damaged, Unavailable
from receiver.journal import Appended, Draft, Journal, Keeper
from receiver.metrics import Histogram
from receiver.timing import step


class Receipt(NamedTuple):
    """Where one request's entries stand: in which log, from which index to which."""

    log: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.log} {self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one request. ``receipt`` is None when it had no entries, or one that could not be one."""

    receipt: Receipt | None
    duplicates: int
    conflicts: int


class Trouble(NamedTuple):
    """Why nothing can be journalled, and since when."""

    message: str
    since_ns: int


class Accept:
    """There is one acknowledgement, and it means "survives a power cut".

    ``trouble`` stands from the first commit that failed until one succeeds.
    """

    def __init__(self, journal: Journal | Keeper) -> None:
        self._journal = journal
        self._counts = {"accepted": 0, "quarantined": 0, "conflicts": 0, "duplicates": 0}
        self._anomalies: Counter[str] = Counter()
        self._ack = Histogram()
        self.trouble: Trouble | None = None

    async def accept(self, drafts: Sequence[Draft]) -> Accepted:
        """Return once every draft would survive a power cut; raise if even one might not."""
        began = time.perf_counter()
        appended = await self._append(drafts)
        self._ack.observe(time.perf_counter() - began)
        broken = sum(draft.kind == "quarantined" for draft in drafts)
        # Counted only now: what is not on disk was not accepted.
        self._count(appended, broken)
        self._anomalies.update(mark for draft in drafts for mark in draft.anomalies)
        return Accepted(
            receipt=None if broken or appended.conflicts else self._receipt(appended),
            duplicates=appended.duplicates,
            conflicts=appended.conflicts,
        )

    def counts(self) -> dict[str, Any]:
        """Since the start: events stored, set aside (repeats too) and met again; and those waiting for their fsync.

        ``conflicts`` are those set aside because their id stands for another event. ``anomalies`` counts by mark,
        repeats too; ``ack`` is the histogram of how long drafts took to be durable.
        """
        return {
            **self._counts,
            "anomalies": dict(self._anomalies),
            "waiting": self._journal.waiting,
            "ack": self._ack.facts(),
        }

    async def _append(self, drafts: Sequence[Draft]) -> Appended:
        try:
            with step("journal"):
                appended = await asyncio.wrap_future(self._journal.append(drafts))
        except (Unavailable, Damaged) as error:
            self.trouble = Trouble(str(error), now_ns() if self.trouble is None else self.trouble.since_ns)
            raise
        self.trouble = None
        return appended

    def _receipt(self, appended: Appended) -> Receipt | None:
        if appended.first is None or appended.last is None:
            return None
        return Receipt(self._journal.log, appended.first, appended.last)

    def _count(self, appended: Appended, broken: int) -> None:
        self._counts["accepted"] += appended.stored
        self._counts["quarantined"] += broken + appended.conflicts
        self._counts["conflicts"] += appended.conflicts
        self._counts["duplicates"] += appended.duplicates
