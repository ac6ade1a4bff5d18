"""The spans of audited traces are kept, in whatever order spans and entries come; entries learn what they show."""

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otel_audit import wire
from receiver.clock import DAY_NS, SECOND_NS
from receiver.config import Journal as JournalSettings
from receiver.config import Traces
from receiver.errors import Unavailable
from receiver.index.port import Filed
from receiver.journal import Draft, Journal, JournalReader
from receiver.own import own_draft
from receiver.spool import SpoolReader, SpoolWriter
from receiver.traces.memory import MemorySpans
from receiver.traces.span import SpanError
from receiver.traces.teller import GIVE_UP_NS, RETRY_NS
from receiver.traces.writer import BATCH_MAX_ROWS, TraceWriter
from tests.contracts.entries import entry, event_id
from tests.receiver.otlp.requests import key_values

NOW_NS = 1_795_000_000 * SECOND_NS
TRACE = "a" * 32


class World:
    """A journal, a spool and a writer between them, without threads of its own."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.now_ns = NOW_NS
        self.journal = Journal.open(data_dir, JournalSettings())
        self.spool = SpoolWriter(data_dir / "spool", 1 << 24)
        self.store = MemorySpans(1000, lambda: self.now_ns)
        self.amended: dict[str, dict[str, Any]] = {}
        self.indexed = True
        self.elsewhere: list[Filed] = []
        self.asked: list[int] = []
        self.away = False
        self.shared = False
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
            self,
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

    def act(self, trace_id: str = TRACE) -> None:
        """The receiver journals an entry of its own."""
        self.journal.append([own_draft("audit.receiver.start.success", {}, self.now_ns, trace_id=trace_id)]).result(10)

    def kept(self, trace_id: str = TRACE) -> list[str]:
        """The names of the spans that are kept."""
        return [span.name for span in self.store.trace("default", trace_id).spans]

    def close(self) -> None:
        """Let go of everything."""
        self.writer._journal.close()
        self.spool.close()
        self.journal.close()

    # -- the index, as other receivers fill it

    def amend(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None = None
    ) -> bool:
        if self.indexed:
            self.amended.setdefault(event_id, {}).update({**fields, "partition": partition})
        return self.indexed

    def of_traces(self, traces: Collection[tuple[str, str]], limit: int) -> list[Filed]:
        self.asked.append(len(traces))
        if self.away:
            raise Unavailable("away")
        return [each for each in self.elsewhere if (each.entry.tenant, each.entry.trace_id) in traces][:limit]

    def is_shared(self, log: str) -> bool:
        return self.shared


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


def test_what_the_receiver_does_itself_keeps_no_spans(world: World):
    """Its telemetry may come back through a Collector: its own entries do not make those traces audited ones."""
    world.act()
    world.span(1)
    world.writer.round()
    world.now_ns += 61 * SECOND_NS
    world.writer.round()
    assert (world.kept(), world.writer.waiting) == ([], 0)


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


def entry_elsewhere(number: int = 1, trace_id: str = TRACE) -> Filed:
    """An entry on span *number* that another receiver journalled."""
    return Filed("2026.10", entry(number, trace_id=trace_id, span_id=f"{number:016x}"))


def test_spans_whose_entry_another_receiver_has_are_kept(world: World):
    """Before they are given up the index is asked; what they show is told, and what comes later is written at once."""
    world.elsewhere = [entry_elsewhere()]
    world.span(1)
    world.writer.round()
    assert (world.kept(), world.asked) == ([], [])
    world.now_ns += 61 * SECOND_NS
    world.writer.round()
    assert (world.kept(), world.writer.waiting) == (["span 1"], 0)
    assert world.amended[event_id(1)]["span_name"] == "span 1"
    assert world.amended[event_id(1)]["partition"] == "2026.10"
    world.span(2)
    world.writer.round()
    assert world.kept() == ["span 1", "span 2"]
    assert world.store.cursor(world.journal.log) == world.writer.position


def test_all_traces_that_are_due_are_one_question(world: World):
    """Not one for each; and a trace that nobody knows is asked about once."""
    for number in range(1, 301):
        world.span(number, trace_id=f"{number:032x}")
    world.elsewhere = [entry_elsewhere(7, f"{7:032x}")]
    world.writer.round()
    world.now_ns += 61 * SECOND_NS
    while world.writer.round():
        pass
    assert world.asked == [300]
    assert world.kept(f"{7:032x}") == ["span 7"]
    assert world.writer.dropped == 0


def test_questions_are_gathered(world: World):
    """What comes due within a second is asked together, however often the writer looks."""
    for number in range(1, 4):
        world.span(number, trace_id=f"{number:032x}")
        world.writer.round()
        world.now_ns += SECOND_NS // 10
    world.now_ns = NOW_NS + 595 * SECOND_NS // 10
    for _ in range(20):
        world.writer.round()
        world.now_ns += SECOND_NS // 10
    assert world.asked == [3]


def test_an_index_that_is_away_keeps_spans_waiting(world: World):
    """Not knowing is no reason to give up; the others' spans are put and the answer is asked for again."""
    world.elsewhere = [entry_elsewhere()]
    world.away = True
    world.span(1)
    world.writer.round()
    world.now_ns += 61 * SECOND_NS
    world.entry("e", span=2, trace_id="b" * 32)
    world.span(2, trace_id="b" * 32)
    for _ in range(2):
        with pytest.raises(Unavailable):
            world.writer.round()
    assert (world.kept("b" * 32), world.writer.waiting) == (["span 2"], 1)
    world.away = False
    world.writer.round()
    assert world.kept() == ["span 1"]


def test_spans_that_wait_for_an_index_are_bounded(tmp_path: Path):
    """However long it is away; what is given up unasked is counted."""
    world = World(tmp_path, waiting_max_spans=100)
    world.away = True
    for number in range(1, 131):
        world.span(number, trace_id=f"{number:032x}")
    with pytest.raises(Unavailable):
        world.writer.round()
    assert (world.writer.waiting, world.writer.dropped) == (100, 30)
    world.close()


def test_before_too_many_are_dropped_the_index_is_asked(tmp_path: Path):
    """A trace another receiver knows is kept, however many wait."""
    world = World(tmp_path, waiting_max_spans=100)
    world.elsewhere = [entry_elsewhere(3, f"{3:032x}")]
    for number in range(1, 131):
        world.span(number, trace_id=f"{number:032x}")
    while world.writer.round():
        pass
    assert world.kept(f"{3:032x}") == ["span 3"]
    assert (world.writer.waiting, world.writer.dropped) == (100, 29)
    world.close()


def test_entries_of_other_receivers_are_told_by_who_has_the_spans(world: World):
    """Where each has a part of a trace, its silence is when the index is asked who else is to be told."""
    world.entry("e", span=1)
    world.span(1)
    world.span(2)
    world.writer.round()
    assert world.kept() == ["span 1", "span 2"]
    world.elsewhere = [entry_elsewhere(2)]
    world.shared = True
    world.now_ns += 61 * SECOND_NS
    world.writer.round()
    assert world.amended[event_id(2)]["span_name"] == "span 2"
    world.now_ns += 61 * SECOND_NS
    world.writer.round()
    assert world.asked == [1]


def test_a_receiver_alone_does_not_ask_who_is_to_be_told(world: World):
    """Its own journal has every entry."""
    world.entry("e", span=1)
    world.span(1)
    world.writer.round()
    world.now_ns += 61 * SECOND_NS
    world.writer.round()
    assert world.asked == []


def test_a_trace_with_very_many_entries_is_asked_about_alone(world: World, monkeypatch: pytest.MonkeyPatch):
    """It does not hide the others: the question is halved until every trace has its answer."""
    monkeypatch.setattr("receiver.traces.elsewhere.LACKING_MAX", 10)
    world.elsewhere = [*(entry_elsewhere(1) for _ in range(20)), entry_elsewhere(2, "b" * 32)]
    world.span(1)
    world.span(2, trace_id="b" * 32)
    world.writer.round()
    world.now_ns += 61 * SECOND_NS
    world.writer.round()
    assert (world.kept(), world.kept("b" * 32)) == (["span 1"], ["span 2"])


def test_spans_are_redacted_before_they_are_stored(world: World):
    """By the rules for entries: attributes, the name, an exception's message and stack."""
    secret = {"password": "hunter2", "http.target": "/pay?token=abc", "card": "4111 1111 1111 1111", "plain": "x"}
    exception = {"exception.type": "E", "exception.message": "password=hunter2", "exception.stacktrace": "token=abc"}
    world.entry("e", span=1)
    world.span(1, name="GET /?password=hunter2", attributes=key_values(secret),
               events=[Span.Event(name="exception", attributes=key_values(exception))])  # fmt: skip
    world.writer.round()
    (kept,) = world.store.trace("default", TRACE).spans
    assert kept.name == "GET /?password=[redacted]"
    assert kept.attributes == {
        "password": "[redacted]", "http.target": "/pay?token=[redacted]", "card": "[card …1111]", "plain": "x",
    }  # fmt: skip
    assert kept.error == SpanError("E", "password=[redacted]", "token=[redacted]")
    assert "hunter2" not in str(world.amended)


def test_old_spans_go_in_idle_time(tmp_path: Path):
    """A look a minute, and only when there is nothing else to do."""
    world = World(tmp_path, retain_days=1)
    world.entry("e", span=1)
    world.span(1)
    while world.writer.round():
        pass
    world.now_ns += DAY_NS + SECOND_NS
    world.entry("f", span=2, trace_id="b" * 32)
    assert world.writer.round()
    assert world.kept() == ["span 1"]
    world.writer.round()
    assert world.kept() == []
    world.close()


def test_spans_can_be_kept_for_ever(tmp_path: Path):
    """0 days are no days to count."""
    world = World(tmp_path, retain_days=0)
    world.entry("e", span=1)
    world.span(1)
    world.writer.round()
    world.now_ns += 4000 * DAY_NS
    world.writer.round()
    assert world.kept() == ["span 1"]
    world.close()


def test_an_entry_that_never_comes_is_not_waited_for_for_ever(world: World):
    """Another receiver's event may stand under its id; what comes of its trace later is another try."""
    world.indexed = False
    world.entry("e", span=1)
    world.span(1)
    world.writer.round()
    world.now_ns += GIVE_UP_NS
    world.writer.round()
    world.indexed = True
    world.now_ns += RETRY_NS
    world.writer.round()
    assert world.amended == {}
    world.span(2)
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
