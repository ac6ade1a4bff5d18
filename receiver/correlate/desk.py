"""Where questions are answered: the index, the spans and the journal side by side."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from otel_audit.canonical import rfc3339, unix_ns
from otel_audit.entry import Entry
from receiver.clock import SECOND_NS, Clock, now_ns
from receiver.correlate.aside import Aside
from receiver.correlate.history import History, history_of
from receiver.correlate.join import join
from receiver.correlate.journey import Abandoned, Journey, Knows, abandoned, journey_of
from receiver.correlate.kept import Kept
from receiver.correlate.letters import Kind, Letter
from receiver.correlate.stages import LAG_TOLD_S, Lag, is_running, lags
from receiver.deadletter import Place
from receiver.errors import Damaged, NotFound, Unavailable
from receiver.index.port import EntryIndex, Facets, Page
from receiver.index.query import LIMIT_MAX, Query
from receiver.journal import JournalReader
from receiver.metrics import read_states
from receiver.requests import Request
from receiver.streams import State, Stream, StreamReader
from receiver.traces.port import Found
from receiver.traces.sources import Sought, Sources
from receiver.traces.span import Span

#: Entries of one trace or resource that one answer holds.
ENTRIES_MAX = 10 * LIMIT_MAX


class Freshness(NamedTuple):
    """Up to when the answer is complete, and what stands in the way of more."""

    as_of: str
    lag_s: float
    warnings: tuple[str, ...]


class Progress(NamedTuple):
    """Each follower's lag; up to when the index is complete, None while nobody says how far it is."""

    lags: dict[str, Lag]
    as_of: str | None
    warnings: tuple[str, ...]


class Answered(NamedTuple):
    """A value and how far it may be trusted."""

    value: Any
    freshness: Freshness


class Desk:
    """Answers questions about entries and traces. Any number of threads ask at once.

    *open_index*, *open_store* and *open_journal* are asked again until they answer: the files of a receiver that
    has just been installed appear with its first event.
    """

    def __init__(
        self,
        data_dir: Path,
        open_index: Callable[[], EntryIndex],
        sources: Sources,
        open_journal: Callable[[], JournalReader],
        open_streams: Callable[[], StreamReader],
        open_aside: Callable[[], Aside],
        *,
        kept: Kept,
        clock: Clock = now_ns,
    ) -> None:
        self._data_dir = data_dir
        self._openers: dict[str, Callable[[], Any]] = {
            "index": open_index,
            "journal": open_journal,
            "streams": open_streams,
            "aside": open_aside,
        }
        self._open: dict[str, Any] = {}
        self._opening = threading.Lock()
        self._journal_turn = threading.Lock()
        self._sources = sources
        self._kept = kept
        self._clock = clock

    def close(self) -> None:
        """Let go of what was opened."""
        for part in self._open.values():
            part.close()
        self._open.clear()
        self._sources.close()

    # -- questions

    def search(self, query: Query) -> tuple[Page, Freshness]:
        """One page of entries. The freshness is of before the search, so that it never promises too much."""
        freshness = self.freshness(query.tenant, query.service, query.since_ns)
        return self._index().search(query), freshness

    def facets(self, query: Query, size: int) -> tuple[Facets, Freshness]:
        """How often which value stands among the matches."""
        freshness = self.freshness(query.tenant, query.service, query.since_ns)
        return self._index().facets(query, size), freshness

    def entry(self, tenant: str, event_id: str) -> tuple[Entry, Freshness]:
        """One entry, or NotFound."""
        freshness = self.freshness(tenant)
        entry = self._index().get(tenant, event_id)
        if entry is None:
            raise _not_found(f"entry {event_id}", freshness)
        return entry, freshness

    def entries_of_trace(self, tenant: str, trace_id: str) -> tuple[list[Entry], Freshness]:
        """The entries of a trace, oldest first; NotFound when neither they nor spans of it are known."""
        entries, freshness = self._entries_of_trace(tenant, trace_id)
        if not entries:
            self._known_by_spans(trace_id, self._sources.find(tenant, trace_id), freshness)
        return entries, freshness

    def trace(self, tenant: str, trace_id: str) -> Answered:
        """Spans and entries of a trace as one; NotFound when neither is known.

        Where the spans cannot be read, the entries are the answer, with a warning.
        """
        entries, freshness = self._entries_of_trace(tenant, trace_id)
        sought = self._sources.find(tenant, trace_id)
        if not entries:
            self._known_by_spans(trace_id, sought, freshness)
        joined = join(trace_id, sought.source, sought.found.spans, entries)
        joined["complete"] &= not sought.found.truncated
        warnings = (*freshness.warnings, *sought.warnings, *self._about(sought, entries))
        return Answered((joined, entries), freshness._replace(warnings=warnings))

    def history(
        self, tenant: str, resource_type: str, resource_id: str, at_ns: int | None = None
    ) -> tuple[History, Freshness]:
        """What became of a resource up to *at_ns*, that moment included; NotFound when there are no entries."""
        until_ns = None if at_ns is None else at_ns + 1
        asked = Query(tenant=tenant, resource_type=resource_type, resource_id=resource_id, until_ns=until_ns)
        asked = replace(asked, order="asc", limit=LIMIT_MAX, with_own=True)
        entries, freshness = self._all(asked, self.freshness(tenant))
        if not entries:
            raise _not_found(f"entry of {resource_type} {resource_id}", freshness)
        history = history_of(entries)
        if history.breaks:
            told = f"{len(history.breaks)} changes were not recorded: see breaks"
            freshness = freshness._replace(warnings=(*freshness.warnings, told))
        return history, freshness

    def journey(self, tenant: str, kind: str, identity: str) -> tuple[Journey, list[Abandoned], Freshness]:
        """What belongs to one order, cart, payment, user or session; NotFound when nothing names it."""
        freshness = self.freshness(tenant)
        warnings: list[str] = []

        def ask(query: Query) -> list[Entry]:
            entries, known = self._all(replace(query, order="asc", limit=LIMIT_MAX), freshness)
            warnings.extend(known.warnings)
            return entries

        def trace(trace_id: str) -> Found:
            sought = self._sources.find(tenant, trace_id)
            warnings.extend(f"{each}; links of its spans are not followed" for each in sought.warnings)
            return sought.found

        def linking(traces: Sequence[str], limit: int) -> Sequence[Span]:
            found = self._sources.linking(tenant, traces, limit)
            warnings.extend(f"{each}; links of other spans are not followed" for each in found.warnings)
            return found.spans

        knows = Knows(ask, lambda event_id: self._index().get(tenant, event_id), trace, linking)
        journey = journey_of(tenant, kind, identity, knows)
        if not journey.entries:
            raise _not_found(f"entry of {kind} {identity}", freshness)
        told = tuple(dict.fromkeys((*freshness.warnings, *warnings, *journey.cut)))
        left = abandoned(journey.timeline(), unix_ns(freshness.as_of))
        return journey, left, freshness._replace(warnings=told)

    def streams(
        self, tenant: str, service: str | None, state: State | None, before: str | None, limit: int
    ) -> tuple[list[Stream], str | None, Freshness]:
        """A page of the senders' streams, the youngest first, and where the next page begins."""
        freshness = self._freshness_of(
            "the account of streams", self._processes(), lambda log: self._streams().cursor(log)
        )
        found, after = self._streams().page(tenant, service, state, before, limit, self._clock())
        return found, after, freshness

    def letters(
        self, tenant: str, kind: Kind | None, before: int | None, limit: int
    ) -> tuple[list[Letter], int | None, Freshness]:
        """A page of what was set aside or refused, the latest first, and where the next page begins."""
        freshness = self._freshness_of("the account of what was set aside", self._processes(), self._aside().cursor)
        with self._journal_turn:
            letters, after = self._aside().page(self._journal(), tenant, kind, before, limit)
        return letters, after, freshness

    def letter(self, tenant: str, seq: int) -> tuple[Letter, Freshness]:
        """One dead letter, or NotFound."""
        freshness = self._freshness_of("the account of what was set aside", self._processes(), self._aside().cursor)
        with self._journal_turn:
            letter = self._aside().one(self._journal(), tenant, seq)
        if letter is None:
            raise _not_found(f"dead letter {seq}", freshness)
        return letter, freshness

    def place(self, tenant: str, seq: int) -> Place:
        """Where a dead letter lies."""
        return Place(tenant, self._journal().log, seq)

    def request(self, tenant: str, request_id: str) -> tuple[Request, Freshness]:
        """What became of what an administrator asked, or NotFound."""
        freshness = self.freshness()
        request = self._aside().request(tenant, request_id)
        if request is None:
            raise _not_found(f"request {request_id}", freshness)
        return request, freshness

    def freshness(
        self, tenant: str | None = None, service: str | None = None, since_ns: int | None = None
    ) -> Freshness:
        """``as_of`` is the receipt of the oldest entry not yet indexed, else now.

        Of a *tenant*, it also warns of entries that were lost on the way: of *service*, since *since_ns*.
        """
        warnings = self._processes()
        if tenant is not None:
            warnings += self._missing(tenant, service, since_ns or 0) + self._refused(tenant)
        known = self._freshness_of("the index", warnings, lambda log: self._index().cursor(log))
        as_of, told = self._while_rebuilt(known.as_of)
        return known._replace(as_of=as_of, warnings=known.warnings + told)

    def progress(self) -> Progress:
        """How far each follower is. Asks the journal and the processes alone: a store that hangs does not delay it."""
        now = self._clock()
        warnings = self._processes()
        try:
            journal: JournalReader = self._part("journal")
            with self._journal_turn:
                known = lags(read_states(self._data_dir), journal, now)
        except (Damaged, Unavailable) as error:
            return Progress({}, None, (*warnings, str(error)))
        index = known.get("index")
        as_of, told = self._while_rebuilt(rfc3339(now if index is None else index.oldest_ns or now))
        return Progress(known, None if index is None else as_of, warnings + told)

    def _freshness_of(self, name: str, warnings: tuple[str, ...], cursor_of: Callable[[str], int]) -> Freshness:
        now = self._clock()
        try:
            journal = self._part("journal")
            cursor = cursor_of(journal.log)
            with self._journal_turn:
                waiting = journal.first_after(cursor)
        except (Damaged, Unavailable) as error:
            return Freshness(rfc3339(now), 0.0, (*warnings, f"how far {name} is cannot be told: {error}"))
        if waiting is None:
            return Freshness(rfc3339(now), 0.0, warnings)
        lag_s = max(0, now - waiting.received_ns) / SECOND_NS
        if lag_s > LAG_TOLD_S:
            warnings = (*warnings, f"{name} is {lag_s:.0f} s behind: what came since is not in this answer")
        return Freshness(rfc3339(waiting.received_ns), lag_s, warnings)

    def _while_rebuilt(self, as_of: str) -> tuple[str, tuple[str, ...]]:
        """*as_of*, but no later than what a rebuild has not reached yet: that may be missing, or of an older form."""
        try:
            rebuild = self._aside().rebuild()
            if rebuild is None:
                return as_of, ()
            with self._journal_turn:
                waiting = self._journal().first_after(rebuild.position)
        except (Damaged, Unavailable) as error:
            return as_of, (f"whether the index is being rebuilt cannot be told: {error}",)
        what = "the index" if rebuild.partition is None else f"partition {rebuild.partition} of the index"
        told = f"{what} is being rebuilt: row {rebuild.position} of {rebuild.seq} is reached"
        return as_of if waiting is None else min(as_of, rfc3339(waiting.received_ns)), (told,)

    def _refused(self, tenant: str) -> tuple[str, ...]:
        """What the index does not hold although its place in the journal is passed."""
        try:
            count = self._aside().refused(tenant)
        except (Damaged, Unavailable) as error:
            return (f"what the index refuses cannot be told: {error}",)
        return (f"{count} entries are refused by the index and in no answer: see /deadletter",) if count else ()

    # -- parts

    def _index(self) -> EntryIndex:
        index: EntryIndex = self._part("index")
        return index

    def _streams(self) -> StreamReader:
        streams: StreamReader = self._part("streams")
        return streams

    def _aside(self) -> Aside:
        aside: Aside = self._part("aside")
        return aside

    def _journal(self) -> JournalReader:
        journal: JournalReader = self._part("journal")
        return journal

    def _missing(self, tenant: str, service: str | None, since_ns: int) -> tuple[str, ...]:
        """What was recorded and never came: an answer cannot hold it."""
        try:
            numbers, streams = self._streams().missing(tenant, service, since_ns, self._clock())
        except Unavailable as error:
            return (f"what is missing cannot be told: {error}",)
        if not numbers:
            return ()
        return (f"{numbers} events of {streams} streams never came: see /completeness",)

    def _part(self, name: str) -> Any:
        with self._opening:
            if name not in self._open:
                self._open[name] = self._openers[name]()
            return self._open[name]

    def _entries_of_trace(self, tenant: str, trace_id: str) -> tuple[list[Entry], Freshness]:
        query = Query(tenant=tenant, trace_id=trace_id, order="asc", limit=LIMIT_MAX, with_own=True)
        return self._all(query, self.freshness(tenant))

    def _known_by_spans(self, trace_id: str, sought: Sought, freshness: Freshness) -> None:
        """NotFound when nobody has spans of it; Unavailable when somebody who might was not reached."""
        if sought.found.spans:
            return
        if sought.warnings:
            raise Unavailable("; ".join(sought.warnings))
        raise _not_found(f"trace {trace_id}", freshness)

    def _about(self, sought: Sought, entries: Sequence[Entry]) -> tuple[str, ...]:
        """What a reader of these spans must know."""
        if not self._sources:
            return self._kept.off("the spans of this trace", "spans")
        if sought.warnings and sought.source is None:
            return ()
        kept = self._kept if sought.is_own or sought.source is None else Kept()
        return kept.about(sought.found, entries, self._clock())

    def _all(self, query: Query, freshness: Freshness) -> tuple[list[Entry], Freshness]:
        """Every page of *query* up to ENTRIES_MAX; a warning says when there were more."""
        entries: list[Entry] = []
        while len(entries) < ENTRIES_MAX:
            page = self._index().search(query)
            entries += page.entries
            if page.next is None:
                return entries, freshness
            query = query.next_after(page.next)
        told = f"there are more entries than one answer holds; the first {len(entries)} are shown"
        return entries, freshness._replace(warnings=(*freshness.warnings, told))

    def _processes(self) -> tuple[str, ...]:
        """Who is not running, and what stands in the way of who is."""
        states = read_states(self._data_dir)
        warnings = []
        for name, consequence in (("accept", "nothing new comes in"), ("follow", "nothing new is indexed")):
            state = states.get(name)
            if state is None or not is_running(state):
                warnings.append(f"{name} is not running: {consequence}")
            elif state.get("problem"):
                warnings.append(f"{name} waits: {state['problem']}")
        return tuple(warnings)


def _not_found(what: str, freshness: Freshness) -> NotFound:
    """Nothing found with a warning is unknown, so the warnings are told."""
    return NotFound("; ".join((f"no {what} up to {freshness.as_of}", *freshness.warnings)))
