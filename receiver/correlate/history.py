"""What became of a resource: every step that changed it, and the state it led to."""

from collections.abc import Sequence
from typing import Any

import jsonpatch

from otel_audit.entry import Entry

Patch = list[dict[str, Any]]


def changes(entry: Entry) -> Patch:
    """From the previous to the new state as an RFC 6902 patch; empty when the entry names neither."""
    if not _names_a_state(entry):
        return []
    if type(entry.previous_state) is not type(entry.new_state) or not isinstance(entry.new_state, dict | list):
        return _replaced(entry)
    patch: Patch = jsonpatch.make_patch(entry.previous_state, entry.new_state).patch
    return patch


def _replaced(entry: Entry) -> Patch:
    """A state as a whole, where there is nothing to compare field by field."""
    if entry.previous_state == entry.new_state:
        return []
    if entry.new_state is None:
        return [] if entry.outcome == "failure" else [{"op": "remove", "path": ""}]
    operation = "add" if entry.previous_state is None else "replace"
    return [{"op": operation, "path": "", "value": entry.new_state}]


def state_after(entries: Sequence[Entry]) -> Any:
    """The state that *entries*, oldest first, lead to; None when nothing is known of it, or it was removed.

    A failure leaves the state as it was, and so does an entry that names neither state.
    """
    told = (entry for entry in reversed(entries) if entry.outcome != "failure" and _names_a_state(entry))
    return next((entry.new_state for entry in told), None)


def _names_a_state(entry: Entry) -> bool:
    return entry.previous_state is not None or entry.new_state is not None
