"""What is asked about streams: one by one, or how much is missing in all."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import orjson

from receiver.sqlite import Readers
from receiver.streams.numbers import Gap, Run, gaps
from receiver.streams.table import FILE, RUNS, WITH_HOLES

State = Literal["complete", "waiting", "missing"]
STATES: tuple[State, ...] = get_args(State)

_STREAMS = """
    SELECT source_id, service, last_seen_ns, reported, reported_ns, lost, abandoned FROM streams
    WHERE tenant = :tenant AND (:service IS NULL OR service = :service) AND (:before IS NULL OR source_id < :before)
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as the receiver knows it: *last* is the highest number seen or reported, *received* how many came.

    ``missing`` are the gaps that are older than ten minutes, ``waiting`` the younger ones.
    """

    source_id: str
    service: str | None
    first: int | None
    last: int
    received: int
    missing: tuple[Gap, ...]
    waiting: tuple[Gap, ...]
    reported_lost: dict[str, int]
    abandoned: tuple[int, ...]
    last_seen_ns: int
    silent_ns: int

    @property
    def state(self) -> State:
        """``missing`` when a number is, ``waiting`` when one may still come."""
        return "missing" if self.missing else "waiting" if self.waiting else "complete"


class Missing(NamedTuple):
    """How many numbers are missing, in how many streams."""

    numbers: int
    streams: int


class Totals(NamedTuple):
    """Of all tenants: how many numbers are missing, how many may still come, what senders reported as lost."""

    missing: int
    waiting: int
    reported_lost: dict[str, int]


class StreamReader:
    """Read by any number of threads."""

    def __init__(self, data_dir: Path) -> None:
        self._readers = Readers(data_dir / FILE)

    def cursor(self, log: str) -> int:
        """The last row of the journal that is taken into account."""
        with self._readers.reading() as db:
            found = db.execute("SELECT seq FROM cursor WHERE log = ?", (log,)).fetchone()
        return int(found[0]) if found else 0

    def page(
        self, tenant: str, service: str | None, state: State | None, before: str | None, limit: int, now_ns: int
    ) -> tuple[list[Stream], str | None]:
        """At most *limit* streams, the youngest first (by source id), and where the next page begins."""
        holes = None if state is None else state != "complete"
        found: list[Stream] = []
        with self._readers.reading() as db:
            for stream in _streams(db, tenant, service, before, holes, now_ns):
                if state not in (None, stream.state):
                    continue
                if len(found) == limit:
                    return found, found[-1].source_id
                found.append(stream)
        return found, None

    def missing(self, tenant: str, service: str | None, since_ns: int, now_ns: int) -> Missing:
        """What is missing of the streams of *service* (of all, without one) and was first missed after *since_ns*."""
        with self._readers.reading() as db:
            counts = [
                sum(gap.last - gap.first + 1 for gap in stream.missing if gap.since_ns >= since_ns)
                for stream in _streams(db, tenant, service, None, True, now_ns)
            ]
        return Missing(sum(counts), sum(map(bool, counts)))

    def totals(self, now_ns: int) -> Totals:
        """The sums; only streams with holes and losses are looked at."""
        counts = {True: 0, False: 0}
        lost: Counter[str] = Counter()
        with self._readers.reading() as db:
            for tenant, source_id, reported, reported_ns in db.execute(WITH_HOLES):
                runs = [Run(*found) for found in db.execute(RUNS, (tenant, source_id))]
                for gap in gaps(runs, reported, reported_ns):
                    counts[gap.is_missing(now_ns)] += gap.last - gap.first + 1
            for (told,) in db.execute("SELECT lost FROM streams WHERE lost <> '{}'"):
                lost.update(orjson.loads(told))
        return Totals(counts[True], counts[False], dict(lost))

    def close(self) -> None:
        """Let go of the file."""
        self._readers.close()


def _streams(
    db: sqlite3.Connection, tenant: str, service: str | None, before: str | None, holes: bool | None, now_ns: int
) -> Iterator[Stream]:
    among = {None: "", True: " AND holes", False: " AND NOT holes"}[holes]
    asked = {"tenant": tenant, "service": service, "before": before}
    rows = db.execute(f"{_STREAMS}{among} ORDER BY source_id DESC", asked)
    for source_id, of_service, last_seen_ns, reported, reported_ns, lost, abandoned in rows:
        runs = [Run(*found) for found in db.execute(RUNS, (tenant, source_id))]
        found = gaps(runs, reported, reported_ns)
        yield Stream(
            source_id=source_id,
            service=of_service,
            first=runs[0].first if runs else None,
            last=max(reported, runs[-1].last if runs else 0),
            received=sum(run.last - run.first + 1 for run in runs),
            missing=tuple(gap for gap in found if gap.is_missing(now_ns)),
            waiting=tuple(gap for gap in found if not gap.is_missing(now_ns)),
            reported_lost=orjson.loads(lost),
            abandoned=tuple(orjson.loads(abandoned)),
            last_seen_ns=last_seen_ns,
            silent_ns=max(0, now_ns - last_seen_ns),
        )
