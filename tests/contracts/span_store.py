"""What every store of spans promises."""

from dataclasses import replace
from typing import ClassVar

import pytest

from receiver.clock import DAY_NS
from receiver.traces.port import SpanStore
from receiver.traces.span import SpanError
from tests.contracts.spans import START_NS, TRACE, span

LOG = "otel-audit/0123456789ab"
#: The store under test reads at most so many spans of one trace.
TRACE_MAX_SPANS = 5


class Moment:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns


class SpanStoreContract:
    """Subclass, say how to open a store (fixture ``store``, by the clock ``now``), and be held to every promise."""

    excused: ClassVar[dict[str, str]] = {}

    @pytest.fixture
    def now(self) -> Moment:
        """The time by the store's clock: when the spans of the tests begin."""
        return Moment()

    def test_a_trace_not_put_is_empty(self, store: SpanStore):
        """Asking for what is not there is no error."""
        assert store.trace("default", TRACE) == ((), False)

    def test_a_span_comes_back_as_it_was_put(self, store: SpanStore):
        """Every field, whatever it holds."""
        odd = span(
            1,
            parent_span_id="f" * 16,
            kind="server",
            status="error",
            service=None,
            error=SpanError("ValueError", "no\u0000thing é", "line 1\nline 2"),
            attributes={
                "http.method": "GET",
                "n": 2**62,
                "f": 0.1,
                "list": [1, "a", None],
                "map": {"": {}},
                "x.y": True,
            },
            links=(("b" * 32, "c" * 16),),
        )
        store.put([odd])
        assert store.trace("default", TRACE).spans == (odd,)

    def test_a_trace_is_ordered_by_start(self, store: SpanStore):
        """Whatever order its spans came in; ties go by span id."""
        spans = [span(3, start_ns=START_NS), span(1, start_ns=START_NS + 5), span(2, start_ns=START_NS)]
        store.put(spans[:2])
        store.put(spans[2:])
        assert [each.span_id[-1] for each in store.trace("default", TRACE).spans] == ["2", "3", "1"]

    def test_a_repeat_replaces_only_a_less_complete_one(self, store: SpanStore):
        """The later end wins, then the one with more attributes, whichever came first."""
        begun, ended = span(1, end_ns=0), span(1)
        known = span(1, attributes={"a": 1})
        store.put([begun])
        store.put([ended])
        store.put([begun])
        assert store.trace("default", TRACE).spans == (ended,)
        store.put([known])
        store.put([ended])
        assert store.trace("default", TRACE).spans == (known,)

    def test_a_repeat_within_one_put(self, store: SpanStore):
        """The same holds for two versions put together."""
        store.put([span(1, attributes={"a": 1}), span(1)])
        assert store.trace("default", TRACE).spans == (span(1, attributes={"a": 1}),)

    def test_a_trace_belongs_to_one_tenant(self, store: SpanStore):
        """Another tenant's trace of the same id is another trace."""
        store.put([span(1), span(1, tenant="other", name="theirs"), span(2, trace_id="b" * 32)])
        assert store.trace("default", TRACE).spans == (span(1),)
        assert [each.name for each in store.trace("other", TRACE).spans] == ["theirs"]

    def test_more_than_may_be_read_is_said(self, store: SpanStore):
        """Exactly as many as may be read are all; one more is said to be cut, never silently."""
        store.put([span(number) for number in range(1, TRACE_MAX_SPANS + 1)])
        assert not store.trace("default", TRACE).truncated
        store.put([span(TRACE_MAX_SPANS + 1)])
        spans, truncated = store.trace("default", TRACE)
        assert (len(spans), truncated) == (TRACE_MAX_SPANS, True)
        assert spans[0] == span(1)

    def test_a_cursor_is_kept_for_each_log(self, store: SpanStore):
        """Another log's place is another one; none is 0."""
        store.advance(LOG, 7)
        store.advance(LOG, 9)
        store.advance("otel-audit/other", 3)
        assert (store.cursor(LOG), store.cursor("otel-audit/other"), store.cursor("none")) == (9, 3, 0)

    def test_putting_nothing_is_fine(self, store: SpanStore):
        """An empty put changes nothing."""
        store.put([])
        assert store.trace("default", TRACE).spans == ()

    def test_a_repeat_is_one_span_whatever_day_it_says(self, store: SpanStore):
        """Its start may change with what is known of it, over a day's end and beyond what is believed."""
        late = span(1, start_ns=START_NS + DAY_NS, attributes={"a": 1})
        store.put([span(1, start_ns=START_NS, end_ns=0), span(1, start_ns=0, end_ns=1), span(2)])
        store.put([late])
        store.put([span(1, start_ns=START_NS)])
        assert store.trace("default", TRACE).spans == (span(2), late)

    def test_old_spans_go_and_young_ones_stay(self, store: SpanStore, now: Moment):
        """Those put before that moment, wrong clocks included; what is put again later stays."""
        store.put([span(1), span(2), span(3, start_ns=0, end_ns=0), span(4, start_ns=2**64 - 1, end_ns=2**64 - 1)])
        now.ns = START_NS + 20 * DAY_NS
        begun = now.ns + 1
        store.put([span(5, start_ns=begun), span(6, start_ns=1, end_ns=1)])
        assert not store.expire(START_NS)
        assert len(store.trace("default", TRACE).spans) == TRACE_MAX_SPANS
        while store.expire(START_NS + 10 * DAY_NS):
            pass
        left = store.trace("default", TRACE).spans
        assert left == (span(6, start_ns=1, end_ns=1), span(5, start_ns=begun))
        store.put([span(1, start_ns=begun)])
        assert len(store.trace("default", TRACE).spans) == 3

    def test_spans_that_link_to_a_trace_are_found(self, store: SpanStore, now: Moment):
        """From whatever trace of the tenant, each once, as long as they are kept."""
        there = replace(span(1, links=((TRACE, "c" * 16), (TRACE, "d" * 16), ("e" * 32, "f" * 16))), trace_id="a" * 32)
        store.put([there, replace(there, tenant="acme"), span(2, links=(("b" * 32, "c" * 16),)), span(3)])
        store.put([there])
        assert list(store.linking("default", [TRACE, "e" * 32], 5)) == [there]
        assert list(store.linking("default", ["f" * 32], 5)) == []
        now.ns += 20 * DAY_NS
        while store.expire(now.ns):
            pass
        assert list(store.linking("default", [TRACE], 5)) == []

    def test_no_more_linking_spans_are_read_than_asked_for(self, store: SpanStore):
        """However many there are."""
        store.put([span(number, links=((TRACE, "c" * 16),)) for number in range(1, 5)])
        assert len(store.linking("default", [TRACE], 3)) == 3

    def test_times_out_of_this_world_are_kept(self, store: SpanStore):
        """A span from 1970 or with the largest time OTLP knows is kept like any other."""
        odd = [
            span(1, start_ns=0, end_ns=0),
            span(3, start_ns=0, end_ns=2**64 - 1),
            span(2, start_ns=2**64 - 1, end_ns=2**64 - 1),
        ]
        store.put(odd)
        assert list(store.trace("default", TRACE).spans) == odd
