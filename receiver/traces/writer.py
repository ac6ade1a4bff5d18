"""Keeps the spans of audited traces, and tells entries what their spans show."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from otel_audit.canonical import unix_ns
from receiver.clock import SECOND_NS, Clock, now_ns
from receiver.config import Traces
from receiver.errors import Damaged, Unavailable
from receiver.journal import JournalReader, Row, entry_of
from receiver.spool import Spooled, SpoolReader
from receiver.traces.decode import spans_of
from receiver.traces.facts import Lacking, facts_for, lacking
from receiver.traces.port import SpanStore
from receiver.traces.span import Span
from receiver.traces.waiting import Trace, Waiting, trace_of

#: Audited traces remembered at once; a span that comes after its trace was forgotten is not kept.
AUDITED_MAX = 200_000
#: Entries of one trace that may still be told something.
LACKING_MAX = 1_000
#: Rows of the journal's tail read at the start, to know the traces of the last minutes again.
TAIL_ROWS = 20_000
READ_MAX_BYTES = 4 * 1024 * 1024
BATCH_MAX_ROWS = 1_000
BACKOFF_S = 1.0


class Amend(Protocol):
    """The index's way to learn what the trace showed later; False while the entry is not there yet."""

    def __call__(self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any]) -> bool: ...


#: An entry's partition: by its time (nanoseconds) and whether it is an outlier.
PartitionOf = Callable[[int, bool], str]


class TraceWriter:
    """One thread between the spool and the span store.

    Spans of a trace known to be audited are put at once; others wait up to ``traces.wait_s`` for an entry of theirs.
    The spool's cursor moves only past spans that are put or given up, and after they are: a crash reads them again,
    and putting them again changes nothing. ``problem`` says what it waits for, None when all is well.
    """

    def __init__(
        self,
        settings: Traces,
        store: SpanStore,
        spool: SpoolReader,
        journal: JournalReader,
        amend: Amend,
        partition_of: PartitionOf,
        clock: Clock = now_ns,
        poll_s: float = 0.05,
    ) -> None:
        self._settings = settings
        self._store = store
        self._spool = spool
        self._journal = journal
        self._amend = amend
        self._partition_of = partition_of
        self._clock = clock
        self._poll_s = poll_s
        self._waiting = Waiting(settings.waiting_max_spans)
        self._to_put: list[Span] = []
        #: Audited traces, the one heard of last at the end, each with its entries that lack something.
        self._audited: OrderedDict[Trace, dict[str, Lacking]] = OrderedDict()
        #: Traces whose entries may be told something now.
        self._due: dict[Trace, None] = {}
        self._seq = 0
        self._decided = 0
        self.position = 0
        self.problem: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    @property
    def dropped(self) -> int:
        """Spans given up because too many waited."""
        return self._waiting.dropped

    @property
    def waiting(self) -> int:
        """Spans that wait to learn whether their trace is audited."""
        return len(self._waiting)

    def start(self) -> "TraceWriter":
        """Begin; the reader of the journal belongs to the writer's thread until :meth:`stop`."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Return when the round under way is done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        begun = False
        while not self._stopping.is_set():
            try:
                if not begun:
                    self._begin()
                    begun = True
                busy = self.round()
                self.problem = None
            except Unavailable as error:
                self.problem = str(error)
                self._stopping.wait(BACKOFF_S)
            except Damaged as error:
                self.problem = str(error)
                return
            else:
                if not busy:
                    self._stopping.wait(self._poll_s)

    def _begin(self) -> None:
        self._store.prepare()
        self.position = self._decided = self._store.cursor(self._journal.log)
        self._seq = max(0, self._journal.last_seq() - TAIL_ROWS)

    def round(self) -> bool:
        """Look once at the journal and once at the spool; whether there was anything."""
        self._put()
        rows = self._journal.read(self._seq, BATCH_MAX_ROWS)
        spooled = self._spool.read(self.position, READ_MAX_BYTES)
        self._hear_of(rows)
        self._sort(spooled)
        self._put()
        self._waiting.expire(self._clock() - int(self._settings.wait_s * SECOND_NS))
        self._tell()
        self._advance()
        return bool(rows or spooled)

    # -- entries

    def _hear_of(self, rows: Sequence[Row]) -> None:
        """Learn which traces are audited; what waited for them is to be put."""
        for row in rows:
            if row.kind == "entry":
                self._hear_of_entry(row)
            self._seq = row.seq

    def _hear_of_entry(self, row: Row) -> None:
        entry = entry_of(row, self._journal.log)
        if entry.trace_id is None:
            return
        trace = (entry.tenant, entry.trace_id)
        wanting = self._audited.setdefault(trace, {})
        self._audited.move_to_end(trace)
        while len(self._audited) > AUDITED_MAX:
            self._audited.popitem(last=False)
        wants = lacking(entry, self._partition_of(unix_ns(entry.timestamp), row.outlier))
        if wants is not None and len(wanting) < LACKING_MAX:
            wanting[entry.event_id] = wants
            self._due[trace] = None
        self._to_put += self._waiting.take(trace)

    # -- spans

    def _sort(self, spooled: Sequence[Spooled]) -> None:
        """The spans of audited traces are to be put, the others wait."""
        for request in spooled:
            spans = _spans(request)
            self._to_put += (span for span in spans if self._is_kept(span))
            self._waiting.add(self.position, request.received_ns, [span for span in spans if not self._is_kept(span)])
            self.position = request.end

    def _put(self) -> None:
        """Put what is to be put. Where the store is away it stays, nothing more is read, and the cursor stands."""
        if self._to_put:
            self._store.put(self._to_put)
            self._due.update(dict.fromkeys(map(trace_of, self._to_put)))
            self._to_put = []

    def _is_kept(self, span: Span) -> bool:
        return self._settings.keep == "all" or trace_of(span) in self._audited

    # -- what spans tell entries

    def _tell(self) -> None:
        """Amend the entries of traces that something new came of; those the index does not hold yet stay due."""
        for trace in list(self._due):
            wanting = self._audited.get(trace)
            if not wanting or self._told(trace, wanting):
                del self._due[trace]

    def _told(self, trace: Trace, wanting: dict[str, Lacking]) -> bool:
        spans = self._store.trace(*trace).spans
        done = True
        for event_id, entry in list(wanting.items()):
            facts = facts_for(entry, spans)
            if not facts:
                continue
            if not self._amend(entry.partition, entry.tenant, event_id, facts):
                done = False
            elif facts.keys() == entry.fields:
                del wanting[event_id]
            else:
                wanting[event_id] = entry._replace(fields=entry.fields - facts.keys())
        return done

    def _advance(self) -> None:
        """Move the cursor; a crash before this line reads again what was put already, which changes nothing."""
        decided = self._waiting.undecided_from(self.position)
        if decided > self._decided:
            self._store.advance(self._journal.log, decided)
            self._spool.forget(decided)
            self._decided = decided


def _spans(request: Spooled) -> Iterable[Span]:
    """The spans of a spooled request; one that cannot be read was refused to its sender already."""
    try:
        return spans_of(request.body, request.tenant)
    except DecodeError:
        return []
