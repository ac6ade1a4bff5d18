"""Does what administrators ask of the follower, beside its followers: retries and rebuilds."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from receiver.clock import Clock, now_ns
from receiver.deadletter import Place, retried
from receiver.errors import Busy, Damaged
from receiver.index.indexer import Indexer
from receiver.index.port import Filed
from receiver.journal import JournalReader
from receiver.otlp.again import Outcome
from receiver.refused import RefusedReader, RefusedStore
from receiver.requests import Request, Requests, rebuilt
from receiver.row import Draft, Row
from receiver.worker import Worker

#: Rows put over what stands of them at once: the follower that indexes what is new never waits long for its turn.
BATCH_ROWS = 500
POLL_S = 0.2


class Upkeep(Worker):
    """One thread. A request that is begun goes on after a crash; what does not answer, or is damaged, is waited for.

    *tell* journals what is said, *read_again* reads a quarantined row, *relearn* tells the index what traces show of
    entries it had lost. ``problem`` is what stands in the way, in words. The reader belongs to the thread.
    """

    def __init__(
        self,
        requests: Requests,
        reader: JournalReader,
        indexer: Indexer,
        refused: RefusedStore,
        refused_reader: RefusedReader,
        *,
        tell: Callable[[Sequence[Draft]], None],
        read_again: Callable[[Row], Outcome],
        relearn: Callable[[Sequence[Filed]], None],
        clock: Clock = now_ns,
    ) -> None:
        super().__init__("upkeep")
        self._requests = requests
        self._reader = reader
        self._indexer = indexer
        self._refused = refused
        self._refused_reader = refused_reader
        self._tell = tell
        self._read_again = read_again
        self._relearn = relearn
        self._clock = clock
        #: The rebuild whose first batch since the start is done: of that one alone it is not known what it learned.
        self._begun: str | None = None
        self._end: int | None = None

    def facts(self) -> dict[str, Any]:
        """What stands in its way, and how many entries the index refuses."""
        size = self._refused.size()
        return {"problem": self.problem, "refused_entries": size.entries, "refused_bytes": size.bytes}

    def once(self) -> bool:
        """Do a part of what is asked; whether there was anything."""
        if self._end is None:
            self._end = self._reader.last_seq()
        # Of what was asked long ago it is known that it was done only once the journal is read to where it ended.
        request = self._requests.next() if self._requests.cursor() >= self._end else None
        if request is None:
            return False
        if request.what == "retry":
            self._retry(request)
        else:
            self._rebuild(request)
        return True

    def _work(self) -> None:
        while not self._stopping.is_set():
            # A person may mend what is damaged, or the store be away.
            if not self._patiently(self.once, (Busy, Damaged)):
                self._stopping.wait(POLL_S)

    # -- retries

    def _retry(self, request: Request) -> None:
        seq = request.letter or 0
        rows = [row for row in self._reader.read(seq - 1, 1) if (row.seq, row.tenant) == (seq, request.tenant)]
        tried = self._try(rows[0]) if rows else _Tried("there is no such dead letter")
        place = Place(request.tenant, self._reader.log, seq)
        # In one: a crash after this line finds it told, one before it does all of it again, which changes nothing.
        self._tell([*tried.drafts, retried(place, request.id, tried.problem, self._clock())])
        self._requests.close_request(request, tried.problem)

    def _try(self, row: Row) -> "_Tried":
        if row.kind == "entry":
            return self._put_again(row)
        if "raw" not in orjson.loads(row.values):
            return _Tried("its event id stands for another event, which is never overwritten")
        outcome = self._read_again(row)
        return _Tried(outcome) if isinstance(outcome, str) else _Tried(None, (outcome,))

    def _put_again(self, row: Row) -> "_Tried":
        self._restore([row], None, learn_all=True)
        still = self._refused_reader.one(row.tenant, row.seq)
        return _Tried(None if still is None else still.reason)

    # -- rebuilds

    def _rebuild(self, request: Request) -> None:
        rows = [row for row in self._reader.read(request.position, BATCH_ROWS) if row.seq <= request.seq]
        if not rows:
            self._tell([rebuilt(request, self._clock())])
            self._requests.close_request(request)
            return
        self._restore(rows, request.partition, learn_all=self._begun != request.id)
        # A crash before this line restores the same rows again, and learns of all of them again.
        self._requests.reach(request, rows[-1].seq)
        self._begun = request.id

    def _restore(self, rows: Sequence[Row], partition: str | None, *, learn_all: bool) -> None:
        mark = self._refused.mark()
        restored = self._indexer.restore(rows, partition)
        self._refused.forget([each.seq for each in restored.entries if each.seq is not None], mark)
        self._relearn(restored.entries if learn_all else restored.lost)


class _Tried(NamedTuple):
    """What stands in the way of a dead letter still, None when nothing does, and what is to be journalled of it."""

    problem: str | None
    drafts: tuple[Draft, ...] = ()
