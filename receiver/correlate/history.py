"""What became of a resource: every step that changed it, the state it led to, and changes that nobody recorded."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jsonpatch

from otel_audit.entry import Entry

Patch = list[dict[str, Any]]

#: Nothing is known of the state, or the resource was removed.
_UNKNOWN: Any = None


class Break(NamedTuple):
    """A step that found another state than the one before it had left: somebody changed it in between, unrecorded.

    *expected* and *found* hold, where both are objects, the keys that differ.
    """

    event_id: str
    after: str
    expected: Any
    found: Any


class History(NamedTuple):
    """*state* is what the entries lead to; None when nothing is known of it, or it was removed."""

    entries: Sequence[Entry]
    state: Any
    breaks: tuple[Break, ...]


def history_of(entries: Sequence[Entry]) -> History:
    """Follow the states through *entries*, oldest first.

    A state may be told in part: keys that a step does not name stay as they were. A failure leaves the state as it
    was, but what it found is compared.
    """
    state, told_by = _UNKNOWN, ""
    breaks = []
    for entry in entries:
        if not _names_a_state(entry):
            continue
        if told_by and (found := _differing(state, entry.previous_state)) is not None:
            breaks.append(Break(entry.event_id, told_by, *found))
        if told_by and isinstance(state, dict) and isinstance(entry.previous_state, dict):
            state = state | entry.previous_state
        if entry.outcome != "failure":
            state, told_by = _after(state, entry), entry.event_id
    return History(entries, state, tuple(breaks))


def _differing(state: Any, previous: Any) -> tuple[Any, Any] | None:
    """What was expected and what was found, where they are not the same; None where they are, or nothing was said."""
    if previous is None or state == previous:
        return None
    if not isinstance(state, dict) or not isinstance(previous, dict):
        return state, previous
    keys = [key for key in previous if key in state and state[key] != previous[key]]
    return ({key: state[key] for key in keys}, {key: previous[key] for key in keys}) if keys else None


def _after(state: Any, entry: Entry) -> Any:
    previous, new = entry.previous_state, entry.new_state
    if not (isinstance(state, dict) and isinstance(previous, dict) and isinstance(new, dict)):
        return new
    return {key: value for key, value in state.items() if key not in previous or key in new} | new


def changes(entry: Entry) -> Patch:
    """From the previous to the new state as an RFC 6902 patch; empty when the entry names neither."""
    if not _names_a_state(entry):
        return []
    before, after = entry.previous_state, entry.new_state
    if isinstance(before, dict) and isinstance(after, dict):
        return list(_between(before, after)) if _is_flat(before) and _is_flat(after) else _patch(before, after)
    if isinstance(before, list) and isinstance(after, list):
        return _patch(before, after)
    return _replaced(entry)


def _patch(before: Any, after: Any) -> Patch:
    patch: Patch = jsonpatch.make_patch(before, after).patch
    return patch


def _is_flat(state: dict[str, Any]) -> bool:
    return not any(isinstance(value, dict | list) for value in state.values())


def _between(before: dict[str, Any], after: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The patch between two objects without inner ones, which is what most states are."""
    yield from ({"op": "remove", "path": _pointer(key)} for key in before if key not in after)
    for key, value in after.items():
        if key not in before:
            yield {"op": "add", "path": _pointer(key), "value": value}
        elif before[key] != value or type(before[key]) is not type(value):
            yield {"op": "replace", "path": _pointer(key), "value": value}


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _replaced(entry: Entry) -> Patch:
    """A state as a whole, where there is nothing to compare field by field."""
    if entry.previous_state == entry.new_state:
        return []
    if entry.new_state is None:
        return [] if entry.outcome == "failure" else [{"op": "remove", "path": ""}]
    operation = "add" if entry.previous_state is None else "replace"
    return [{"op": operation, "path": "", "value": entry.new_state}]


def _names_a_state(entry: Entry) -> bool:
    return entry.previous_state is not None or entry.new_state is not None
