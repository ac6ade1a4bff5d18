"""The following process: the journal into the index and the streams, the spool into the span store."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Protocol, TypeVar

from receiver.app.life import on_end
from receiver.app.telling import Telling
from receiver.app.upkeep import Upkeep
from receiver.clock import now_ns
from receiver.config import Settings
from receiver.deadletter import DeadletterWriter
from receiver.errors import Damaged, Unavailable
from receiver.follower import Follower
from receiver.index.conflict import patient
from receiver.index.indexer import Indexer
from receiver.index.open import open_index
from receiver.index.partition import partition_of
from receiver.index.port import EntryIndex, Filed
from receiver.journal import JournalReader
from receiver.metrics import RunState
from receiver.otlp.again import Again
from receiver.outbox import Outbox
from receiver.refused import RefusedReader, RefusedStore
from receiver.requests import Requests
from receiver.row import Row
from receiver.senders import Senders
from receiver.spool import SpoolReader
from receiver.streams import Elsewhere, StreamReader, StreamWriter
from receiver.traces.open import open_store
from receiver.traces.relearn import Relearn
from receiver.traces.writer import TraceWriter

STATE_EVERY_S = 1.0
#: Between two looks whether accept has made the journal, or a store answers.
RETRY_S = 0.2
#: What is missing is called so after minutes: there is no hurry.
STREAMS_POLL_MS = 500

_LOG = logging.getLogger(__name__)


class _Closable(Protocol):
    def close(self) -> None: ...


Part = TypeVar("Part", bound=_Closable)


class _Ended(Exception):
    """The process is to end before everything could be opened."""


def serve_follow(settings: Settings) -> None:
    """Follow until SIGTERM; where it ends, the next start goes on."""
    ended = threading.Event()
    on_end(ended.set)
    with suppress(_Ended), ExitStack() as opened:  # closed in reverse: first the threads, then what they write
        state = RunState(settings.data_dir, "follow")
        opened.callback(state.close)
        telling = opened.enter_context(Telling(settings, "follow", state))
        followers = _Following(settings, _Opening(ended, state, opened))
        followers.start(opened)
        state.set(ready=True)
        telling.started()
        _LOG.info("following", extra={"index": settings.index.url})
        while not ended.is_set():
            state.set(**followers.facts())
            telling.flush()
            ended.wait(STATE_EVERY_S)


class _Opening:
    """Opens what may not be there yet, and sees to its closing."""

    def __init__(self, ended: threading.Event, state: RunState, opened: ExitStack) -> None:
        self._ended = ended
        self._state = state
        self._opened = opened

    def patiently(self, open_it: Callable[[], Part]) -> Part:
        """What *open_it* opens, as soon as it can be."""
        while not self._ended.is_set():
            try:
                part = open_it()
            except (Damaged, Unavailable) as error:  # what is damaged waits for a person, who reads the state
                self._state.set(problem=str(error))
                self._ended.wait(RETRY_S)
            else:
                self._opened.callback(part.close)
                return part
        raise _Ended


class _Following:
    """The threads of this process: the indexer, the streams, and where spans are kept, the trace writer."""

    def __init__(self, settings: Settings, opening: _Opening) -> None:
        outbox = opening.patiently(lambda: Outbox(settings.data_dir, "follow", settings.outbox.waiting_max_entries))
        refused = opening.patiently(lambda: RefusedStore(settings.data_dir, settings.index))
        index = opening.patiently(
            lambda: open_index(settings, write=True, set_aside=patient(outbox.append), refuse=refused.keep)
        )
        self._indexing = _indexing(settings, index, refused, opening)
        requests = _requests(settings, opening)
        self._streams = _accounts(settings, index, refused, requests, opening)
        self._missing = opening.patiently(lambda: StreamReader(settings.data_dir))
        self._traces = None if settings.traces.keep == "none" else _traces(settings, index, opening)
        self._upkeep = _upkeep(settings, index, refused, requests, outbox, opening)

    def start(self, opened: ExitStack) -> None:
        """Begin; *opened* stops them."""
        for each in (self._indexing, self._streams, self._traces, self._upkeep):
            if each is not None:
                each.start()
                opened.callback(each.stop)

    def facts(self) -> dict[str, Any]:
        """How far each is and what stands in its way."""
        facts: dict[str, Any] = {each.name: each.facts() for each in (self._indexing, self._streams)}
        with suppress(Unavailable):  # the next second's look tells
            facts["streams"] |= self._missing.totals(now_ns())._asdict()
        if self._traces is not None:
            facts["traces"] = {
                "position": self._traces.position,
                "problem": self._traces.problem,
                "lag_s": round(self._traces.lag_s, 3),
                "waiting_spans": self._traces.waiting,
                "dropped_spans": self._traces.dropped,
            }
        with suppress(Unavailable):
            facts["upkeep"] = self._upkeep.facts()
        problems = [f"{name}: {part['problem']}" for name, part in facts.items() if part["problem"]]
        return facts | {"problem": "; ".join(problems) or None}


def _indexing(settings: Settings, index: EntryIndex, refused: RefusedStore, opening: _Opening) -> Follower:
    reader = opening.patiently(lambda: JournalReader.open(settings.data_dir))
    indexer = Indexer(index, reader.log, settings.index.partition, refuse=refused.keep)
    return Follower(
        "index",
        reader,
        indexer.step,
        cursor=indexer.cursor,
        batch_max=settings.index.batch_max_entries,
        poll_ms=settings.index.poll_ms,
        tick=indexer.prepare,
    )


class _Output(Protocol):
    """What is made of the journal by one thread, with its own place in it."""

    def cursor(self) -> int: ...

    def step(self, rows: Sequence[Row]) -> None: ...


class _Outputs:
    """Several outputs of one follower, so that the journal is read once for all of them."""

    def __init__(self, *outputs: _Output) -> None:
        self._outputs = outputs

    def cursor(self) -> int:
        """Where the one stands that is furthest behind."""
        return min(each.cursor() for each in self._outputs)

    def step(self, rows: Sequence[Row]) -> None:
        """Each takes what it does not have; a crash in between gives the rest to the others at the next start."""
        for each in self._outputs:
            begun = each.cursor()
            fresh = [row for row in rows if row.seq > begun]
            if fresh:
                each.step(fresh)


def _requests(settings: Settings, opening: _Opening) -> Requests:
    log = opening.patiently(lambda: JournalReader.open(settings.data_dir)).log
    return opening.patiently(lambda: Requests(settings.data_dir, log))


def _accounts(
    settings: Settings, index: EntryIndex, refused: RefusedStore, requests: Requests, opening: _Opening
) -> Follower:
    """What is told of the journal beside its entries: streams, dead letters, what administrators ask."""
    reader = opening.patiently(lambda: JournalReader.open(settings.data_dir))
    streams = opening.patiently(lambda: StreamWriter(settings.data_dir, reader.log))
    letters = opening.patiently(lambda: DeadletterWriter(settings.data_dir, reader.log, refused))
    outputs = _Outputs(streams, letters, requests)
    return Follower(
        "streams",
        reader,
        outputs.step,
        cursor=outputs.cursor,
        batch_max=settings.index.batch_max_entries,
        poll_ms=STREAMS_POLL_MS,
        tick=Elsewhere(streams, index, reader.log).tick,
    )


def _upkeep(
    settings: Settings,
    index: EntryIndex,
    refused: RefusedStore,
    requests: Requests,
    outbox: Outbox,
    opening: _Opening,
) -> Upkeep:
    reader = opening.patiently(lambda: JournalReader.open(settings.data_dir))
    return Upkeep(
        requests,
        reader,
        Indexer(index, reader.log, settings.index.partition, refuse=refused.keep),
        refused,
        opening.patiently(lambda: RefusedReader(settings.data_dir)),
        tell=outbox.append,
        read_again=Again(Senders(settings.auth).claims_of, settings.index.oldest_days).read,
        relearn=_relearn(settings, index, opening),
    )


def _relearn(settings: Settings, index: EntryIndex, opening: _Opening) -> Callable[[Sequence[Filed]], None]:
    if settings.traces.keep == "none":
        return lambda _: None
    store = opening.patiently(lambda: open_store(settings, write=False))
    return Relearn(store, index.amend, settings.traces.retain_days).tell


def _traces(settings: Settings, index: EntryIndex, opening: _Opening) -> TraceWriter:
    partitioning = settings.index.partition
    return TraceWriter(
        settings.traces,
        opening.patiently(lambda: open_store(settings, write=True)),
        SpoolReader(settings.data_dir / "spool"),
        opening.patiently(lambda: JournalReader.open(settings.data_dir)),
        index,
        lambda event_ns, outlier: partition_of(event_ns, outlier, partitioning),
    )
