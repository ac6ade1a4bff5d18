"""What became of a resource."""

from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.correlate.history import Break, changes, history_of
from tests.contracts.entries import entry, event_id

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
FLAT = st.dictionaries(st.text("a/~", max_size=2), st.none() | st.booleans() | st.integers(0, 2), max_size=4)
OBJECTS = FLAT | st.dictionaries(st.text(max_size=3), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_patch_leads_from_one_state_to_the_other(previous: Any, new: Any):
    """RFC 6902: applied to the previous state it gives the new one."""
    patch = changes(entry(previous_state=previous, new_state=new))
    assert jsonpatch.apply_patch(previous, patch) == new


@pytest.mark.parametrize(
    ("previous", "new", "outcome", "patch"),
    [
        (None, None, "success", []),
        (None, {"a": 1}, "success", [{"op": "add", "path": "", "value": {"a": 1}}]),
        ({"a": 1}, None, "success", [{"op": "remove", "path": ""}]),
        ({"a": 1}, None, "failure", []),
        ("x", "y", "success", [{"op": "replace", "path": "", "value": "y"}]),
        ("x", "x", "success", []),
        ({"a": 1}, [1], "success", [{"op": "replace", "path": "", "value": [1]}]),
    ],
)
def test_whole_states(previous: Any, new: Any, outcome: str, patch: Any):
    """What cannot be compared field by field is added, replaced or removed as a whole."""
    assert changes(entry(previous_state=previous, new_state=new, outcome=outcome)) == patch


def test_the_state_is_that_of_the_last_step_that_did_not_fail():
    """A failure changes nothing, and an entry without a state says nothing about it."""
    steps = [
        entry(1, new_state={"stock": 50}),
        entry(2, new_state={"stock": 35}),
        entry(3, new_state={"stock": -1}, outcome="failure"),
        entry(4),
    ]
    assert history_of(steps).state == {"stock": 35}
    assert history_of([]).state is None


def test_what_was_removed_has_no_state():
    """The last step took it away; one that failed to did not."""
    made, removed = entry(1, new_state={"stock": 50}), entry(2, previous_state={"stock": 50})
    assert history_of([made, removed]).state is None
    assert history_of([made, entry(2, previous_state={"stock": 50}, outcome="failure")]).state == {"stock": 50}


def test_a_change_that_nobody_recorded_is_a_break():
    """A step that found another state than the last one left; told once, with what differs."""
    steps = [
        entry(1, new_state={"stock": 50, "sku": "a"}),
        entry(2, previous_state={"stock": 50, "sku": "a"}, new_state={"stock": 35, "sku": "a"}),
        entry(3, previous_state={"stock": 30, "sku": "a"}, new_state={"stock": 29, "sku": "a"}),
        entry(4, previous_state={"stock": 29, "sku": "a"}, new_state={"stock": 28, "sku": "a"}),
    ]
    assert history_of(steps).breaks == (Break(event_id(3), event_id(2), {"stock": 35}, {"stock": 30}),)
    assert history_of(steps).state == {"stock": 28, "sku": "a"}


def test_a_failure_tells_what_it_found():
    """It left the state as it was, and somebody had changed that."""
    steps = [
        entry(1, new_state={"stock": 50}),
        entry(2, previous_state={"stock": 30}, new_state={"stock": 29}, outcome="failure"),
        entry(3, previous_state={"stock": 30}, new_state={"stock": 29}),
    ]
    assert [each.event_id for each in history_of(steps).breaks] == [event_id(2)]


def test_a_state_may_be_told_in_part():
    """What a step does not name stays as it was, and is no break; what it took away is gone."""
    steps = [
        entry(1, new_state={"status": "paid", "total": 9, "note": "x"}),
        entry(2, previous_state={"address": "a"}, new_state={"address": "b"}),
        entry(3, previous_state={"status": "paid", "note": "x"}, new_state={"status": "sent"}),
    ]
    assert history_of(steps).breaks == ()
    assert history_of(steps).state == {"status": "sent", "total": 9, "address": "b"}


@pytest.mark.parametrize(
    ("first", "previous", "breaks"),
    [
        ({"a": 1}, None, 0),
        (None, {"a": 1}, 0),
        ("x", "x", 0),
        ("x", "y", 1),
        ({"a": 1}, [1], 1),
        ([1, 2], [1, 2], 0),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, 1),
    ],
)
def test_states_of_any_kind_are_compared(first: Any, previous: Any, breaks: int):
    """As a whole, where they are not objects; nothing is compared with what nobody told."""
    steps = [entry(1, new_state=first), entry(2, previous_state=previous, new_state="end")]
    assert len(history_of(steps).breaks) == breaks


def test_what_was_removed_and_is_there_again_is_a_break():
    """Somebody made it anew and did not say so."""
    steps = [
        entry(1, new_state={"a": 1}),
        entry(2, previous_state={"a": 1}, new_state=None),
        entry(3, previous_state={"a": 1}, new_state={"a": 2}),
    ]
    assert [each.event_id for each in history_of(steps).breaks] == [event_id(3)]
