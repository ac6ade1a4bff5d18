"""What states and metadata are found by: the dotted path of each innermost value, and its text."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from otel_audit.entry import Entry
from receiver.index.cleaning import clean_state

#: Entry fields whose leaves can be asked for.
FIELDS = ("new_state", "previous_state", "metadata")
#: Longer texts are not found by a leaf, in UTF-16 units.
VALUE_MAX = 1024


class Leaf(NamedTuple):
    """One innermost value of an entry's *field*: ``new_state``, ``status``, ``refunded``."""

    field: str
    path: str
    value: str


def leaves_of(entry: Entry) -> Iterator[Leaf]:
    """The leaves of *entry*. Those of a list stand under the list's path; numbers and booleans count as their JSON."""
    for field in FIELDS:
        state = getattr(entry, field)
        if state is not None:
            for path, value in _leaves(clean_state(state)):
                yield Leaf(field, path, value)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif value is not None:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        units = len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
        if units <= VALUE_MAX:
            yield path, text
