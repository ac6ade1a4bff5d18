"""The follower's step: rows of the journal into runs of numbers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from otel_audit import wire
from receiver.claims import UNAUTHORISED
from receiver.row import Row
from receiver.sqlite import MADE_ANEW, open_writer, writing
from receiver.streams.numbers import Gap, Run, gaps, runs_of
from receiver.streams.table import FILE, MIGRATIONS, RUNS, WITH_HOLES

#: So many abandoned numbers of one stream are kept, the highest.
ABANDONED_MAX = 1000
_NUMBER_MAX = 2**63 - 2
_REASON_MAX = 200

#: The runs that begin inside :first to :last or right after, and the one before.
_TOUCHED = """
    SELECT first, last, since_ns FROM runs WHERE tenant = :tenant AND source_id = :source_id AND first <= :last + 1
    AND first >= coalesce(
        (SELECT max(first) FROM runs WHERE tenant = :tenant AND source_id = :source_id AND first < :first), :first
    )
"""

Key = tuple[str, str]


class StreamWriter:
    """Takes what was journalled into account; used by one thread."""

    def __init__(self, data_dir: Path, log: str) -> None:
        self._db = open_writer(data_dir / FILE, MIGRATIONS)
        self._log = log

    def cursor(self) -> int:
        """The last row taken."""
        found = self._db.execute("SELECT seq FROM cursor WHERE log = ?", (self._log,)).fetchone()
        return int(found[0]) if found else 0

    def step(self, rows: Sequence[Row]) -> None:
        """Take *rows* and their place in one transaction; a crash in between leaves neither."""
        with writing(self._db, FILE, MADE_ANEW):
            self._take(rows)
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (self._log, rows[-1].seq))

    def gaps(self, begin_ns: int, end_ns: int) -> list[tuple[Key, Gap]]:
        """The gaps of all streams that were first missed between these moments."""
        found = []
        for tenant, source_id, reported, reported_ns in self._db.execute(WITH_HOLES).fetchall():
            runs = [Run(*found) for found in self._db.execute(RUNS, (tenant, source_id))]
            among = (gap for gap in gaps(runs, reported, reported_ns) if begin_ns <= gap.since_ns < end_ns)
            found += [((tenant, source_id), gap) for gap in among]
        return found

    def heal(self, key: Key, seen: Sequence[tuple[int, int]]) -> None:
        """Take these numbers of a stream into account, which this receiver's journal does not have."""
        if seen:
            with writing(self._db, FILE, MADE_ANEW):
                self._add_all(key, seen)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _take(self, rows: Iterable[Row]) -> None:
        numbers: dict[Key, list[tuple[int, int]]] = {}
        for row in rows:
            said = orjson.loads(row.values)
            said = said.get("said", said)  # what was quarantined as a conflict
            source = said.get("source") or {}
            if "id" not in source or UNAUTHORISED in said.get("anomalies", ()):
                continue  # nobody closes, or opens, the gaps of another's stream
            key = (row.tenant, source["id"])
            seen = numbers.setdefault(key, [])
            self._see(key, said.get("service_name"), row.received_ns)
            if row.kind == "report":
                self._report(key, said.get("metadata", {}), row.received_ns)
            elif _is_number(source.get("sequence")):
                seen.append((source["sequence"], row.received_ns))
        for key, seen in numbers.items():
            self._add_all(key, seen)

    def _see(self, key: Key, service: str | None, received_ns: int) -> None:
        self._db.execute(
            "INSERT INTO streams (tenant, source_id, service, last_seen_ns) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET service = coalesce(excluded.service, service),"
            " last_seen_ns = max(last_seen_ns, excluded.last_seen_ns)",
            (*key, service, received_ns),
        )

    def _report(self, key: Key, told: dict[str, Any], received_ns: int) -> None:
        """Reports may come in any order: the highest number stands, and of each count the highest."""
        reported, reported_ns, lost, abandoned = self._db.execute(
            "SELECT reported, reported_ns, lost, abandoned FROM streams WHERE tenant = ? AND source_id = ?", key
        ).fetchone()
        last = told.get(wire.SOURCE_LAST)
        if _is_number(last) and last > reported:
            reported, reported_ns = last, received_ns
        self._db.execute(
            "UPDATE streams SET reported = ?, reported_ns = ?, lost = ?, abandoned = ?"
            " WHERE tenant = ? AND source_id = ?",
            (
                reported,
                reported_ns,
                orjson.dumps(_highest(orjson.loads(lost), told.get(wire.SOURCE_LOST))).decode(),
                orjson.dumps(_joined(orjson.loads(abandoned), told.get(wire.SOURCE_ABANDONED))).decode(),
                *key,
            ),
        )

    def _add_all(self, key: Key, seen: Sequence[tuple[int, int]]) -> None:
        for run in runs_of(sorted(seen)) if seen else ():
            self._add(key, run)
        self._look_for_holes(key)

    def _add(self, key: Key, run: Run) -> None:
        """Join *run* with the runs it touches: what was between them is missing no more."""
        asked = {"tenant": key[0], "source_id": key[1], "first": run.first, "last": run.last}
        touched = [Run(*found) for found in self._db.execute(_TOUCHED, asked) if found[1] >= run.first - 1]
        for each in touched:
            self._db.execute("DELETE FROM runs WHERE tenant = ? AND source_id = ? AND first = ?", (*key, each.first))
        joined = (*touched, run)
        whole = Run(min(r.first for r in joined), max(r.last for r in joined), min(r.since_ns for r in joined))
        self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?)", (*key, *whole))

    def _look_for_holes(self, key: Key) -> None:
        [reported] = self._db.execute("SELECT reported FROM streams WHERE tenant = ? AND source_id = ?", key).fetchone()
        runs = [Run(*found) for found in self._db.execute(RUNS, key).fetchmany(2)]
        holes = len(runs) > 1 or bool(gaps(runs, reported, 0))
        self._db.execute("UPDATE streams SET holes = ? WHERE tenant = ? AND source_id = ?", (holes, *key))


def _highest(counts: dict[str, int], told: Any) -> dict[str, int]:
    for reason, count in told.items() if isinstance(told, dict) else ():
        if _is_number(count):
            name = str(reason)[:_REASON_MAX]
            counts[name] = max(count, counts.get(name, 0))
    return counts


def _joined(numbers: list[int], told: Any) -> list[int]:
    more = filter(_is_number, told if isinstance(told, list) else ())
    return sorted({*numbers, *more})[-ABANDONED_MAX:]


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _NUMBER_MAX
