"""One process's stream: numbers without holes, and what the process knows of its own losses."""

from collections import Counter
from typing import Any

import uuid_utils

from otel_audit import wire

#: So many abandoned numbers are remembered for the next report; more are only counted.
_ABANDONED_MAX = 1000


class Stream:
    """Called under its owner's lock. Every event that ``record()`` took has a number, a lost one too."""

    def __init__(self) -> None:
        self.source_id = str(uuid_utils.uuid7())
        self.last = 0
        self.lost: Counter[str] = Counter()
        self._abandoned: list[int] = []
        self._abandoned_count = 0
        self._reported: tuple[int, int, int] = (0, 0, 0)

    def number(self) -> int:
        """The next number."""
        self.last += 1
        return self.last

    def lose(self, reason: str, count: int = 1) -> None:
        """*count* events will not arrive."""
        self.lost[reason] += count

    def abandon(self, number: int) -> None:
        """Nobody waits for this number's answer any more; it may still arrive."""
        self._abandoned_count += 1
        if len(self._abandoned) < _ABANDONED_MAX:
            self._abandoned.append(number)

    @property
    def abandoned(self) -> int:
        """How many numbers have been abandoned."""
        return self._abandoned_count

    @property
    def changed(self) -> bool:
        """Whether a report would say something new."""
        return self._state() != self._reported

    def report(self) -> dict[str, Any]:
        """What ``audit.stream.report`` says."""
        return report_of(self.source_id, self.last, dict(self.lost), tuple(self._abandoned))

    def reported(self, report: dict[str, Any]) -> None:
        """The receiver has *report*."""
        told = report.get(wire.SOURCE_ABANDONED, ())
        self._abandoned = [number for number in self._abandoned if number not in told]
        self._reported = (report[wire.SOURCE_LAST], sum(report.get(wire.SOURCE_LOST, {}).values()), self.abandoned)

    def _state(self) -> tuple[int, int, int]:
        return self.last, self.lost.total(), self._abandoned_count


def report_of(
    source_id: str, last: int, lost: dict[str, int] | None = None, abandoned: tuple[int, ...] = ()
) -> dict[str, Any]:
    """A report's attributes; what is empty is left out."""
    said: dict[str, Any] = {
        wire.RECORD_ID: str(uuid_utils.uuid7()),
        wire.SCHEMA: wire.SCHEMA_VERSION,
        wire.SOURCE_ID: source_id,
        wire.SOURCE_LAST: last,
    }
    if lost:
        said[wire.SOURCE_LOST] = lost
    if abandoned:
        said[wire.SOURCE_ABANDONED] = list(abandoned)
    return said
