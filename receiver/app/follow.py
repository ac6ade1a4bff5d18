"""The following process: the journal into the index and the streams, the spool into the span store."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, Protocol, TypeVar

from receiver.app.life import on_end
from receiver.app.telling import Telling
from receiver.clock import now_ns
from receiver.config import Settings
from receiver.errors import Damaged, Unavailable
from receiver.follower import Follower
from receiver.index.conflict import patient
from receiver.index.indexer import Indexer
from receiver.index.open import open_index
from receiver.index.partition import partition_of
from receiver.index.port import EntryIndex
from receiver.journal import JournalReader
from receiver.metrics import RunState
from receiver.outbox import Outbox
from receiver.refused import Refuse, RefusedStore
from receiver.spool import SpoolReader
from receiver.streams import StreamReader, StreamWriter
from receiver.traces.open import open_store
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
        self._indexing = _indexing(settings, index, refused.keep, opening)
        self._streams = _streams(settings, opening)
        self._missing = opening.patiently(lambda: StreamReader(settings.data_dir))
        self._traces = None if settings.traces.keep == "none" else _traces(settings, index, opening)

    def start(self, opened: ExitStack) -> None:
        """Begin; *opened* stops them."""
        for each in (self._indexing, self._streams, self._traces):
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
        problems = [f"{name}: {part['problem']}" for name, part in facts.items() if part["problem"]]
        return facts | {"problem": "; ".join(problems) or None}


def _indexing(settings: Settings, index: EntryIndex, refuse: Refuse, opening: _Opening) -> Follower:
    reader = opening.patiently(lambda: JournalReader.open(settings.data_dir))
    indexer = Indexer(index, reader.log, settings.index.partition, refuse=refuse)
    return Follower(
        "index",
        reader,
        indexer.step,
        cursor=indexer.cursor,
        batch_max=settings.index.batch_max_entries,
        poll_ms=settings.index.poll_ms,
        tick=indexer.prepare,
    )


def _streams(settings: Settings, opening: _Opening) -> Follower:
    reader = opening.patiently(lambda: JournalReader.open(settings.data_dir))
    writer = opening.patiently(lambda: StreamWriter(settings.data_dir, reader.log))
    return Follower(
        "streams",
        reader,
        writer.step,
        cursor=writer.cursor,
        batch_max=settings.index.batch_max_entries,
        poll_ms=STREAMS_POLL_MS,
    )


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
