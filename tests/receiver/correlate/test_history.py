"""What became of a resource."""

from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.correlate.history import changes, state_after
from tests.contracts.entries import entry

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=3)


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
    assert state_after(steps) == {"stock": 35}
    assert state_after([]) is None


def test_what_was_removed_has_no_state():
    """The last step took it away; one that failed to did not."""
    made, removed = entry(1, new_state={"stock": 50}), entry(2, previous_state={"stock": 50})
    assert state_after([made, removed]) is None
    assert state_after([made, entry(2, previous_state={"stock": 50}, outcome="failure")]) == {"stock": 50}
