"""A trace and its entries as one."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.correlate.join import join, self_time_ns
from receiver.traces.span import SpanError
from tests.contracts.entries import entry, event_id
from tests.contracts.spans import START_NS, TRACE, span

MS = 1_000_000


def _between(number: int, start_ms: int, end_ms: int, parent: int | None = None, **fields: object):
    above = None if parent is None else f"{parent:016x}"
    times = {"start_ns": START_NS + start_ms * MS, "end_ns": START_NS + end_ms * MS}
    return span(number, parent_span_id=above, **times, **fields)


#: The gateway asks order, which asks payment and then inventory; inventory fails and takes longest.
CHECKOUT = [
    _between(1, 0, 100, service="gateway", kind="server"),
    _between(2, 10, 90, 1, service="order", kind="server"),
    _between(3, 20, 40, 2, service="payment", kind="server"),
    _between(4, 40, 80, 2, service="inventory", kind="server", status="error", error=SpanError("E", "m", "at 1")),
]


def test_a_whole_trace():
    """Every part of the answer, in the order things began."""
    entries = [
        entry(1, trace_id=TRACE, span_id=f"{3:016x}", service_name="payment"),
        entry(2, trace_id=TRACE, span_id=f"{4:016x}", service_name="inventory", error_type="out_of_stock"),
    ]
    answer = join(TRACE, "sqlite", list(reversed(CHECKOUT)), entries)
    assert (answer["trace_id"], answer["source"], answer["complete"]) == (TRACE, "sqlite", True)
    assert (answer["missing_parents"], answer["duration_ns"]) == ([], 100 * MS)
    assert answer["services"] == ["gateway", "inventory", "order", "payment"]
    assert [each["span_id"][-1] for each in answer["spans"]] == ["1", "2", "3", "4"]
    assert [each["self_time_ns"] // MS for each in answer["spans"]] == [20, 20, 20, 40]
    assert [each["entries"] for each in answer["spans"]] == [[], [], [event_id(1)], [event_id(2)]]
    assert answer["spans"][3]["error"] == {"type": "E", "message": "m", "stack": "at 1"}
    assert [span_id[-1] for span_id in answer["critical_path"]] == ["1", "2", "3", "4"]
    assert answer["dependencies"] == [
        {"caller": "gateway", "callee": "order", "calls": 1, "errors": 0},
        {"caller": "order", "callee": "inventory", "calls": 1, "errors": 1},
        {"caller": "order", "callee": "payment", "calls": 1, "errors": 0},
    ]
    assert [(each["service"], each["type"]) for each in answer["errors"]] == [
        ("inventory", "E"),
        ("inventory", "out_of_stock"),
    ]


def test_a_trace_with_a_hole_says_so():
    """A parent that is not there is named; the rest stands."""
    answer = join(TRACE, "sqlite", CHECKOUT[2:], [])
    assert (answer["complete"], answer["missing_parents"]) == (False, [f"{2:016x}"])
    assert len(answer["spans"]) == 2


def test_a_trace_without_an_entrys_own_span_is_not_complete():
    """Nothing hangs below it, so no parent is missing; the entry knows that it was."""
    answer = join(TRACE, "sqlite", CHECKOUT, [entry(1, trace_id=TRACE, span_id="f" * 16)])
    assert (answer["complete"], answer["missing_parents"]) == (False, [])


def test_the_critical_path_leaves_out_what_nobody_waited_for():
    """Two ran side by side: the one that ended last counts, with what had ended when it began."""
    spans = [
        _between(1, 0, 100),
        _between(2, 0, 30, 1),
        _between(3, 10, 60, 1),
        _between(4, 30, 90, 1),
        _between(5, 40, 120, 4),
    ]
    assert [each[-1] for each in join(TRACE, "sqlite", spans, [])["critical_path"]] == ["1", "2", "4", "5"]


def test_entries_stand_alone():
    """Without a single span the entries are still an answer."""
    answer = join(TRACE, None, [], [entry(1, trace_id=TRACE, service_name="order")])
    assert (answer["complete"], answer["spans"], answer["start"], answer["duration_ns"]) == (False, [], None, None)
    assert answer["services"] == ["order"]


def test_a_loop_of_parents_ends():
    """Spans that are each other's parents neither hang nor fail the answer."""
    answer = join(TRACE, "sqlite", [_between(1, 0, 9, 2), _between(2, 1, 8, 1)], [])
    assert answer["complete"] is False
    assert len(answer["critical_path"]) <= 2


def test_clocks_that_disagree_give_no_negative_times():
    """A child outside its parent takes nothing from it; a span that ends before it begins took no time."""
    answer = join(TRACE, "sqlite", [_between(1, 10, 20), _between(2, 30, 40, 1), _between(3, 15, 5, 1)], [])
    assert [each["self_time_ns"] for each in answer["spans"]] == [10 * MS, 0, 10 * MS]


INTERVALS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6)


@given(st.integers(0, 50), st.integers(0, 50), INTERVALS)
def test_self_time_is_what_no_child_covers(start: int, end: int, children: list[tuple[int, int]]):
    """Counted out tick by tick."""
    parent = span(1, start_ns=start, end_ns=end)
    spans = [span(2 + n, start_ns=a, end_ns=b) for n, (a, b) in enumerate(children)]
    ticks = sum(not any(a <= tick < b for a, b in children) for tick in range(start, end))
    assert self_time_ns(parent, spans) == ticks
