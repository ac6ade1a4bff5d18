"""The spans of audited traces are kept, in whatever order spans and entries come; entries learn what they show."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otel_audit import wire
from receiver.clock import SECOND_NS
from receiver.config import Journal as JournalSettings
from receiver.config import Traces
from receiver.errors import Unavailable
from receiver.journal import Draft, Journal, JournalReader
from receiver.spool import SpoolReader, SpoolWriter
from receiver.traces.memory import MemorySpans
from receiver.traces.teller import RETRY_NS
from receiver.traces.writer import BATCH_MAX_ROWS, TraceWriter

NOW_NS = 1_795_000_000 * SECOND_NS
TRACE = "a" * 32


class World:
    """A journal, a spool and a writer between them, without threads of its own."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.now_ns = NOW_NS
        self.journal = Journal.open(data_dir, JournalSettings())
        self.spool = SpoolWriter(data_dir / "spool", 1 << 24)
        self.store = MemorySpans(1000)
        self.amended: dict[str, dict[str, Any]] = {}
        self.indexed = True
        self._data_dir = data_dir
        self._settings = Traces(**settings)
        self.writer = self.start()

    def start(self) -> TraceWriter:
        """A writer as it begins, after a crash or the first time."""
        writer = TraceWriter(
            self._settings,
            self.store,
            SpoolReader(self._data_dir / "spool"),
            JournalReader.open(self._data_dir),
            self._amend,
            lambda time_ns, outlier: "outlier" if outlier else "2026.11",
            clock=lambda: self.now_ns,
        )
        writer.begin()
        return writer

    def restart(self) -> None:
        """The process dies and comes back."""
        self.writer._journal.close()
        self.writer = self.start()

    def span(self, number: int, trace_id: str = TRACE, scope: str = "", **fields: Any) -> None:
        """A request with one span comes in."""
        start = NOW_NS + number
        given = {"start_time_unix_nano": start, "end_time_unix_nano": start + 1000, "name": f"span {number}", **fields}
        span = Span(trace_id=bytes.fromhex(trace_id), span_id=number.to_bytes(8, "big"), **given)
        scoped = ScopeSpans(scope=InstrumentationScope(name=scope), spans=[span])
        name = KeyValue(key="service.name", value=AnyValue(string_value="shop"))
        carried = ResourceSpans(resource=Resource(attributes=[name]), scope_spans=[scoped])
        self.spool.append(
            "default", self.now_ns, ExportTraceServiceRequest(resource_spans=[carried]).SerializeToString()
        )

    def entry(self, event_id: str, span: int, trace_id: str = TRACE) -> None:
        """An audit entry is journalled."""
        said = {
            "event_id": event_id,
            "timestamp": "2026-11-23T10:00:00.000000000Z",
            "action": "a.b.success",
            "outcome": "success",
            "severity": "info",
            "trace_id": trace_id,
            "span_id": f"{span:016x}",
            "service_name": "shop",
        }
        draft = Draft("entry", "default", event_id, event_id.encode(), orjson.dumps(said), b"{}", False, self.now_ns)
        self.journal.append([draft]).result(10)

    def kept(self, trace_id: str = TRACE) -> list[str]:
        """The names of the spans that are kept."""
        return [span.name for span in self.store.trace("default", trace_id).spans]

    def close(self) -> None:
        """Let go of everything."""
        self.writer._journal.close()
        self.spool.close()
        self.journal.close()

    def _amend(self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any]) -> bool:
        if self.indexed:
            self.amended.setdefault(event_id, {}).update({**fields, "partition": partition})
        return self.indexed


@pytest.fixture
def world(tmp_path: Path):
    """Spans wait 60 seconds."""
    world = World(tmp_path)
    yield world
    world.close()


def test_spans_before_their_entry_are_kept(world: World):
    """They wait; the entry releases all of its trace, and learns what its span shows."""
    world.span(1)
    world.span(2, parent_span_id=(1).to_bytes(8, "big"))
    world.writer.round()
    assert world.kept() == []
    world.entry("e", span=2)
    world.writer.round()
    assert world.kept() == ["span 1", "span 2"]
    assert world.amended["e"]["span_name"] == "span 2"
    assert world.amended["e"]["partition"] == "2026.11"


def test_spans_after_their_entry_are_kept_at_once(world: World):
    """The request of a span that ends last reaches an entry inside it."""
    world.entry("e", span=2)
    world.span(2, parent_span_id=(1).to_bytes(8, "big"))
    world.writer.round()
    assert "http_method" not in world.amended["e"]
    method = KeyValue(key="http.request.method", value=AnyValue(string_value="PUT"))
    world.span(1, kind=Span.SPAN_KIND_SERVER, attributes=[method])
    world.writer.round()
    assert world.kept() == ["span 1", "span 2"]
    assert world.amended["e"]["http_method"] == "PUT"


def test_a_trace_without_an_entry_is_given_up(world: World):
    """After the time to wait its spans are gone, and the spool is free."""
    world.span(1)
    world.writer.round()
    assert (world.writer.waiting, world.store.cursor(world.journal.log)) == (1, 0)
    world.now_ns += 61 * SECOND_NS
    world.writer.round()
    assert world.writer.waiting == 0
    assert world.store.cursor(world.journal.log) == world.writer.position > 0


def test_a_crash_loses_no_span_that_waits(world: World):
    """The cursor stays before what is not decided on; the next start reads it again."""
    world.span(1)
    world.writer.round()
    world.restart()
    world.entry("e", span=1)
    world.writer.round()
    world.writer.round()
    assert world.kept() == ["span 1"]
    assert "e" in world.amended


def test_a_writer_that_was_away_gives_up_no_span_of_an_audited_trace(world: World):
    """Its entry may stand far down the journal: until that is read, the span is not given up, however old."""
    for number in range(BATCH_MAX_ROWS + 1):
        world.entry(f"other {number}", span=1, trace_id=f"{number + 1:032x}")
    world.span(1)
    world.entry("e", span=1)
    world.now_ns += 120 * SECOND_NS
    while world.writer.round():
        pass
    assert world.kept() == ["span 1"]


def test_an_index_that_is_away_holds_up_no_span(world: World, monkeypatch: pytest.MonkeyPatch):
    """Spans are put and the spool is freed; what they show is told when the index is back."""

    def away(*_: object, **__: object) -> bool:
        raise Unavailable("away")

    world.entry("e", span=1)
    world.span(1)
    with monkeypatch.context() as broken:
        broken.setattr(world.writer._teller, "_amend", away)
        with pytest.raises(Unavailable):
            world.writer.round()
    assert world.kept() == ["span 1"]
    assert world.store.cursor(world.journal.log) == world.writer.position
    world.writer.round()
    assert world.amended["e"]["span_name"] == "span 1"


def test_a_defect_is_said(world: World, monkeypatch: pytest.MonkeyPatch):
    """The thread does not die in silence."""

    def broken(_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(world.store, "put", broken)
    world.entry("e", span=1)
    world.span(1)
    world.writer.start()
    while world.writer.problem is None:
        time.sleep(0.01)
    world.writer.stop()
    assert world.writer.problem == "ZeroDivisionError: oh"


def test_a_restart_knows_the_audited_traces_again(world: World):
    """A span that comes after the restart is kept for an entry from before it."""
    world.entry("e", span=1)
    world.writer.round()
    world.restart()
    world.writer.round()
    world.span(1)
    world.writer.round()
    assert world.kept() == ["span 1"]


def test_an_entry_that_is_not_indexed_yet_is_told_later(world: World):
    """Nothing is forgotten because the index follower is a moment behind."""
    world.indexed = False
    world.entry("e", span=1)
    world.span(1)
    world.writer.round()
    assert world.amended == {}
    world.indexed = True
    world.now_ns += RETRY_NS
    world.writer.round()
    assert world.amended["e"]["span_name"] == "span 1"


def test_carriers_are_not_spans(world: World):
    """What only carries an event is never shown as part of the trace."""
    world.entry("e", span=1)
    world.span(1, scope=wire.SCOPE)
    world.writer.round()
    assert world.kept() == []


@pytest.mark.parametrize("restarted", [False, True], ids=["comes-back", "process-dies-meanwhile"])
@pytest.mark.parametrize("entry_first", [True, False])
def test_a_store_that_is_away_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, entry_first: bool, restarted: bool
):
    """A put that fails is repeated, by this process or from the spool by the next."""
    if entry_first:
        world.entry("e", span=1)
    world.span(1)
    if not entry_first:
        world.writer.round()
        world.entry("e", span=1)

    def away(_: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(world.store, "put", away)
        for _ in range(2):
            with pytest.raises(Unavailable):
                world.writer.round()
        assert world.store.cursor(world.journal.log) == 0
    if restarted:
        world.restart()
    world.writer.round()
    world.writer.round()
    assert world.kept() == ["span 1"]


def test_too_many_waiting_spans_are_dropped_and_counted(tmp_path: Path):
    """Memory is bounded; the trace silent for longest goes first."""
    world = World(tmp_path, waiting_max_spans=100)
    for number in range(1, 131):
        world.span(number, trace_id=f"{number:032x}")
    while world.writer.round():
        pass
    assert (world.writer.waiting, world.writer.dropped) == (100, 30)
    world.entry("e", span=130, trace_id=f"{130:032x}")
    world.writer.round()
    assert world.kept(f"{130:032x}") == ["span 130"]
    world.close()


def test_all_can_be_kept(tmp_path: Path):
    """With ``keep: all`` no entry is needed."""
    world = World(tmp_path, keep="all")
    world.span(1)
    world.writer.round()
    assert world.kept() == ["span 1"]
    world.close()
