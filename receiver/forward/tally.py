"""What became of the requests of one backend, and what stands in its way; a change for the worse is said once."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from receiver.items import count_items
from receiver.signal import Signal

_LOG = logging.getLogger(__name__)


class Tally:
    """The counts of one signal to one backend: in requests, and in spans or log records."""

    def __init__(self, backend: str, signal: Signal) -> None:
        self._names = {"backend": backend, "signal": signal.name}
        self._items = signal.records
        self._counts = Counter(sent=0, sent_bytes=0, rejected=0, retries=0)
        self._sent_items = self._send_failed = self._enqueue_failed = 0
        self._dropped: Counter[str] = Counter()
        self._said: set[str] = set()
        #: Why the backend does not take anything at the moment.
        self.problem: str | None = None

    def sent(self, requests: int, body: bytes, rejected: int) -> None:
        """The backend has taken *body*, so many requests, but for *rejected* of its spans or records."""
        self._counts.update(sent=requests, sent_bytes=len(body), rejected=rejected)
        self._sent_items += count_items(body) - rejected
        self._send_failed += rejected
        if self.problem is not None:
            self.problem = None
            self._said.clear()
            _LOG.info("forwarding again", extra=self._names)

    def retry(self, problem: str) -> None:
        """The backend is to be asked again."""
        self._counts["retries"] += 1
        if self.problem is None:
            _LOG.warning("forwarding waits", extra={**self._names, "problem": problem})
        self.problem = problem

    def refused(self, reason: str, bodies: Sequence[bytes], problem: str) -> None:
        """The backend takes nothing from us: they are dropped, and so will be the next."""
        self.dropped(reason, bodies, problem)
        self.problem = problem

    def dropped(self, reason: str, bodies: Sequence[bytes], problem: str = "") -> None:
        """They will not arrive."""
        self._drop(reason, len(bodies), problem)
        self._send_failed += sum(map(count_items, bodies))

    def overflowed(self, body: bytes) -> None:
        """There is no room for it."""
        self._drop("overflow", 1)
        self._enqueue_failed += count_items(body)

    def stopped(self, requests: int) -> None:
        """They were in memory alone when the process ended."""
        self._drop("stopped", requests)

    def facts(self, lost: Mapping[str, int], lost_items: int) -> dict[str, Any]:
        """All of it; *lost* are requests that its queue could not keep, by reason, *lost_items* what was in them."""
        return {
            **self._counts,
            f"sent_{self._items}": self._sent_items,
            f"send_failed_{self._items}": self._send_failed,
            f"enqueue_failed_{self._items}": self._enqueue_failed + lost_items,
            "dropped": {reason: count for reason, count in {**self._dropped, **lost}.items() if count},
            "problem": self.problem,
        }

    def _drop(self, reason: str, requests: int, problem: str = "") -> None:
        if reason not in self._said:
            self._said.add(reason)
            _LOG.warning("forwarding drops", extra={**self._names, "reason": reason, "problem": problem})
        self._dropped[reason] += requests
