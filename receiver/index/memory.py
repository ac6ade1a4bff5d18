"""An index in memory: the definition of what every index answers, typed in plainly."""

import re
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from otel_audit.entry import Entry
from otel_audit.wire import PREFIX
from receiver.claims import UNAUTHORISED
from receiver.index.amendment import amended, is_of, restored
from receiver.index.leaves import leaves_of
from receiver.index.moment import bound_ns, event_ns, position_of, received_ns
from receiver.index.money import amount_of, number_of
from receiver.index.port import COUNTED_MAX, Facets, Filed, Page, Total
from receiver.index.query import EXACT, FACETS, Position, Query
from receiver.index.words import searched_words


class MemoryIndex:
    """Holds entries as long as the process lives. See :class:`~receiver.index.port.EntryIndex`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._filed: dict[tuple[str, str], Filed] = {}
        self._cursors: dict[str, int] = {}

    def prepare(self, partitions: Sequence[str]) -> None:
        """Nothing has to be made."""

    def put(self, log: str, filed: Sequence[Filed], cursor: int) -> None:
        """Keep what is not there yet."""
        with self._lock:
            for each in filed:
                self._filed.setdefault((each.entry.tenant, each.entry.event_id), each)
            self._cursors[log] = cursor

    def restore(self, log: str, filed: Sequence[Filed]) -> Sequence[Filed]:
        """Replace what is of the same log, and keep what is not there yet."""
        new = []
        with self._lock:
            for each in filed:
                name = (each.entry.tenant, each.entry.event_id)
                standing = self._filed.get(name)
                if standing is None:
                    new.append(each)
                if standing is None or is_of(log, standing.entry):
                    self._filed[name] = each._replace(entry=restored(each.entry, standing and standing.entry))
        return new

    def cursor(self, log: str) -> int:
        """The last cursor put for *log*."""
        return self._cursors.get(log, 0)

    def amend(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None = None
    ) -> bool:
        """Fill in what the entry does not have yet."""
        with self._lock:
            found = self._filed.get((tenant, event_id))
            if found is None:
                return False
            self._filed[tenant, event_id] = found._replace(entry=amended(found.entry, fields, span_id))
            return True

    def get(self, tenant: str, event_id: str) -> Entry | None:
        """One entry, or None."""
        found = self._filed.get((tenant, event_id))
        return None if found is None else found.entry

    def of_traces(self, traces: Collection[tuple[str, str]], limit: int) -> Sequence[Filed]:
        """Look at every entry."""
        with self._lock:
            every = list(self._filed.values())
        return [each for each in every if (each.entry.tenant, each.entry.trace_id) in traces][:limit]

    def is_shared(self, log: str) -> bool:
        """Whether another log has a cursor."""
        return bool(self._cursors.keys() - {log})

    def numbers(self, tenant: str, source_id: str, first: int, last: int, limit: int) -> Sequence[int]:
        """Look at every entry."""
        with self._lock:
            every = [each.entry for each in self._filed.values() if each.entry.tenant == tenant]
        sources = [each.source for each in every if each.source is not None and UNAUTHORISED not in each.anomalies]
        found = [each.sequence for each in sources if each.id == source_id and each.sequence is not None]
        return sorted(number for number in found if first <= number <= last)[:limit]

    def search(self, query: Query) -> Page:
        """Look at every entry."""
        with self._lock:
            entries = [each.entry for each in self._filed.values() if matches(each.entry, query)]
        placed = sorted(((position_of(entry, query.time), entry) for entry in entries), key=_by_position)
        if query.order == "desc":
            placed.reverse()
        rest = [each for each in placed if query.after is None or _follows(each[0], query.after, query)]
        page, more = rest[: query.limit], len(rest) > query.limit
        return Page(
            entries=tuple(entry for _, entry in page),
            next=page[-1][0] if more else None,
            total=Total(min(len(entries), COUNTED_MAX), exact=len(entries) <= COUNTED_MAX),
        )

    def facets(self, query: Query, size: int) -> Facets:
        """Count them."""
        with self._lock:
            entries = [each.entry for each in self._filed.values() if matches(each.entry, query)]
        return Facets({name: _most(size, (getattr(e, field) for e in entries)) for name, field in FACETS.items()}, True)

    def close(self) -> None:
        """Nothing is held open."""


def matches(entry: Entry, query: Query) -> bool:
    """Whether *entry* is among those *query* asks for."""
    time_ns = event_ns(entry) if query.time == "event" else received_ns(entry)
    return (
        entry.tenant == query.tenant
        and (query.wants_own or not entry.action.startswith(PREFIX))
        and (not query.actions or any(_like(entry.action, each) for each in query.actions))
        and all(getattr(query, asked) in (None, getattr(entry, field)) for asked, field in EXACT.items())
        and (not query.related or not set(query.related).isdisjoint(entry.related))
        and (not query.traces or entry.trace_id in query.traces)
        and (query.status_code_min is None or _at_least(entry.status_code, query.status_code_min))
        and (query.since_ns is None or time_ns >= bound_ns(query.since_ns))
        and (query.until_ns is None or time_ns < bound_ns(query.until_ns))
        and set(query.words) <= set(searched_words(entry))
        and (query.amount is None or query.amount.holds(amount_of(entry)))
        and all(bounds.holds(number_of(entry.metadata.get(key))) for key, bounds in query.numbers)
        and set(query.leaves) <= set(leaves_of(entry))
    )


def _most(size: int, values: Iterable[str | None]) -> tuple[tuple[str, int], ...]:
    counts = Counter(value for value in values if value is not None)
    return tuple(sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))[:size])


def _like(action: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), action, re.DOTALL) is not None


def _at_least(value: int | None, least: int) -> bool:
    return value is not None and value >= least


def _by_position(placed: tuple[Position, Entry]) -> tuple[int, str]:
    return placed[0].time_ns, placed[0].event_id


def _follows(position: Position, after: Position, query: Query) -> bool:
    here, there = (position.time_ns, position.event_id), (bound_ns(after.time_ns), after.event_id)
    return here < there if query.order == "desc" else here > there
