"""Which partition an entry belongs to: by the event's own time, so that a repeat always meets its twin."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from receiver.clock import SECOND_NS

Partitioning = Literal["monthly", "daily"]

#: The partition of events too far from their receipt to be believed.
OUTLIER = "outlier"

#: Days whose names are remembered.
_DAYS_MAX = 1024

_FORMAT: dict[Partitioning, str] = {"monthly": "%Y.%m", "daily": "%Y.%m.%d"}


def partition_of(event_ns: int, outlier: bool, partitioning: Partitioning) -> str:
    """``2026.11``, ``2026.11.23`` or ``outlier``, in UTC."""
    return OUTLIER if outlier else _name(_day(event_ns), partitioning)


def current_and_next(now_ns: int, partitioning: Partitioning) -> tuple[str, str]:
    """The partition of this moment, and the one that follows it."""
    today = _day(now_ns)
    return _name(today, partitioning), _name(_FOLLOWING[partitioning](today), partitioning)


def _day(ns: int) -> date:
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).date()


@lru_cache(_DAYS_MAX)
def _name(day: date, partitioning: Partitioning) -> str:
    return day.strftime(_FORMAT[partitioning])


def _next_month(day: date) -> date:
    # The 28th is in every month, and four days after it is never in the same one.
    return day.replace(day=28) + timedelta(days=4)


_FOLLOWING: dict[Partitioning, Callable[[date], date]] = {
    "monthly": _next_month,
    "daily": lambda day: day + timedelta(days=1),
}
