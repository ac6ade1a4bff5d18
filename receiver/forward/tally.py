"""What became of the requests of one backend, and what stands in its way; a change for the worse is said once."""

import logging
from collections import Counter
from typing import Any

_LOG = logging.getLogger(__name__)


class Tally:
    """The counts of one signal to one backend."""

    def __init__(self, backend: str, signal: str) -> None:
        self._names = {"backend": backend, "signal": signal}
        self._counts = {"sent": 0, "sent_bytes": 0, "rejected": 0, "retries": 0}
        self._dropped: Counter[str] = Counter()
        self._said: set[str] = set()
        #: Why the backend does not take anything at the moment.
        self.problem: str | None = None

    def sent(self, requests: int, size: int, rejected: int) -> None:
        """The backend has taken them, but for *rejected* spans or records."""
        self._counts["sent"] += requests
        self._counts["sent_bytes"] += size
        self._counts["rejected"] += rejected
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

    def refused(self, reason: str, requests: int, problem: str) -> None:
        """The backend takes nothing from us: they are dropped, and so will be the next."""
        self.dropped(reason, requests, problem)
        self.problem = problem

    def dropped(self, reason: str, requests: int, problem: str = "") -> None:
        """They will not arrive."""
        if reason not in self._said:
            self._said.add(reason)
            _LOG.warning("forwarding drops", extra={**self._names, "reason": reason, "problem": problem})
        self._dropped[reason] += requests

    def facts(self, lost: dict[str, int]) -> dict[str, Any]:
        """All of it; *lost* is what its queue could not keep."""
        dropped = {reason: count for reason, count in {**self._dropped, **lost}.items() if count}
        return {**self._counts, "dropped": dropped, "problem": self.problem}
