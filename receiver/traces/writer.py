"""Keeps the spans of audited traces, and has entries told what their spans show."""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from google.protobuf.message import DecodeError

from otel_audit.canonical import unix_ns
from otel_audit.entry import Entry
from otel_audit.wire import PREFIX
from receiver.clock import SECOND_NS, Clock, now_ns
from receiver.config import Traces
from receiver.errors import Unavailable
from receiver.journal import JournalReader, Row, entry_of
from receiver.spool import Spooled, SpoolReader
from receiver.traces.audited import Audited
from receiver.traces.decode import spans_of
from receiver.traces.elsewhere import ASKED_MAX, Index, entries_of
from receiver.traces.facts import lacking
from receiver.traces.port import SpanStore
from receiver.traces.quiet import Quiet
from receiver.traces.redaction import redacted
from receiver.traces.retention import Retention
from receiver.traces.span import Span, Trace
from receiver.traces.tail import begin_at
from receiver.traces.teller import Teller
from receiver.traces.waiting import Waiting, trace_of
from receiver.worker import Worker

READ_MAX_BYTES = 4 * 1024 * 1024
BATCH_MAX_ROWS = 1_000
#: So long traces that are to be given up are gathered for one question.
DECIDE_EVERY_NS = SECOND_NS


#: An entry's partition: by its time (nanoseconds) and whether it is an outlier.
PartitionOf = Callable[[int, bool], str]


class TraceWriter(Worker):
    """One thread between the spool and the span store.

    Spans of a trace known to be audited are put at once; others wait up to ``traces.wait_s`` for an entry of theirs.
    The spool's cursor moves only past spans that are put or given up, and after they are: a crash reads them again,
    and putting them again changes nothing. ``problem`` says what it waits for, None when all is well; ``lag_s`` is
    how long the last span that was read had lain in the spool.
    """

    def __init__(
        self,
        settings: Traces,
        store: SpanStore,
        spool: SpoolReader,
        journal: JournalReader,
        index: Index,
        partition_of: PartitionOf,
        clock: Clock = now_ns,
        poll_s: float = 0.05,
    ) -> None:
        super().__init__("traces")
        self._settings = settings
        self._store = store
        self._spool = spool
        self._journal = journal
        self._partition_of = partition_of
        self._clock = clock
        self._poll_s = poll_s
        self._audited = Audited()
        self._index = index
        self._teller = Teller(self._audited, store, index.amend)
        self._quiet = Quiet()
        self._retention = Retention(store, settings.retain_days, clock)
        self._waiting = Waiting(settings.waiting_max_spans)
        self._to_put: list[Span] = []
        self._seq = 0
        self._decided = 0
        self._decide_at_ns = 0
        self.position = 0
        self.lag_s = 0.0

    @property
    def dropped(self) -> int:
        """Spans given up because too many waited."""
        return self._waiting.dropped

    @property
    def waiting(self) -> int:
        """Spans that wait to learn whether their trace is audited."""
        return len(self._waiting)

    def _work(self) -> None:
        self._patiently(self.begin)
        while not self._stopping.is_set():
            if not self._patiently(self.round):
                self._stopping.wait(self._poll_s)

    def begin(self) -> None:
        """Stand where the last writer stood, with what it knew of the entries before."""
        self._store.prepare()
        self.position = self._decided = self._store.cursor(self._journal.log)
        undecided = self._spool.read(self.position, 1)
        self._seq = begin_at(self._journal, undecided[0].received_ns if undecided else self._clock())

    def round(self) -> bool:
        """Look once at the spool and once at the journal; whether there is more to do at once."""
        self._put()
        # The spool first: whatever was journalled when a span was spooled is known when the span is looked at.
        spooled = self._spool.read(self.position, READ_MAX_BYTES)
        rows = self._hear()
        heard_until_ns = self._clock()
        if len(rows) == BATCH_MAX_ROWS:
            # The journal is behind: a span must not be given up before the entry that keeps it could be heard of.
            heard_until_ns = rows[-1].received_ns
            spooled = list(takewhile(lambda request: request.received_ns <= heard_until_ns, spooled))
        self._sort(spooled)
        self._put()
        self._advance()
        self._decide(heard_until_ns - int(self._settings.wait_s * SECOND_NS))
        more_to_tell = self._teller.tell(self._clock())
        # Old spans go when there is nothing better to do.
        return bool(rows or spooled or more_to_tell) or self._retention.step()

    # -- entries

    def _hear(self) -> Sequence[Row]:
        """Read on in the journal: learn which traces are audited; what waited for them is to be put."""
        rows = self._journal.read(self._seq, BATCH_MAX_ROWS)
        for row in rows:
            if row.kind == "entry":
                self._hear_of_row(row)
            self._seq = row.seq
        return rows

    def _hear_of_row(self, row: Row) -> None:
        entry = entry_of(row, self._journal.log)
        self._hear_of(entry, self._partition_of(unix_ns(entry.timestamp), row.outlier))

    def _hear_of(self, entry: Entry, partition: str) -> None:
        # What the receiver itself does is no reason to keep the spans of its own telemetry.
        if entry.trace_id is None or entry.action.startswith(PREFIX):
            return
        trace = (entry.tenant, entry.trace_id)
        self._audited.hear_of(trace, lacking(entry, partition))
        self._teller.look_at(trace)
        self._to_put += self._waiting.take(trace)

    def _decide(self, silent_since_ns: int) -> None:
        """Give up the traces that waited long enough, or are too many, unless the index knows an entry of theirs.

        Another receiver may have it, or it came before what is remembered. An index that is away keeps them waiting,
        as many as may wait.
        """
        if self._clock() < self._decide_at_ns and not self._waiting.too_many:
            return
        try:
            while due := self._waiting.due(silent_since_ns, ASKED_MAX):
                self._hear_from_index(due)
                self._waiting.drop(due, silent_since_ns)
                self._put()
                self._advance()
            self._hear_of_others(silent_since_ns)
        except Unavailable:
            self._waiting.drop(self._waiting.due(0, self._settings.waiting_max_spans), 0)
            raise
        self._decide_at_ns = self._clock() + DECIDE_EVERY_NS

    def _hear_of_others(self, silent_since_ns: int) -> None:
        """Of the traces whose spans are put, the entries that went to other receivers: they are told by us."""
        silent = self._quiet.silent_since(silent_since_ns, ASKED_MAX)
        if silent and self._index.is_shared(self._journal.log):
            self._hear_from_index(silent)
        self._quiet.forget(silent)

    def _hear_from_index(self, traces: Sequence[Trace]) -> None:
        for placed in entries_of(self._index, traces):
            self._hear_of(placed.entry, placed.partition)

    # -- spans

    def _sort(self, spooled: Sequence[Spooled]) -> None:
        """The spans of audited traces are to be put, the others wait."""
        for request in spooled:
            spans = _spans(request)
            self._to_put += (span for span in spans if self._is_kept(span))
            self._waiting.add(self.position, request.received_ns, [span for span in spans if not self._is_kept(span)])
            self.position = request.end
        self.lag_s = max(0, self._clock() - spooled[-1].received_ns) / SECOND_NS if spooled else 0.0

    def _put(self) -> None:
        """Put what is to be put. Where the store is away it stays, nothing more is read, and the cursor stands."""
        if self._to_put:
            self._store.put([redacted(span) for span in self._to_put])
            for trace in dict.fromkeys(map(trace_of, self._to_put)):
                self._teller.look_at(trace)
                self._quiet.heard(trace, self._clock())
            self._to_put = []

    def _is_kept(self, span: Span) -> bool:
        return self._settings.keep == "all" or trace_of(span) in self._audited

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
