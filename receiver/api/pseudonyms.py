"""What is asked for by its plain value, and is filed under a pseudonym."""

from collections.abc import Iterator, Mapping
from typing import Any

from otel_audit import wire
from otel_audit.redact import Redactor, is_pseudonym
from receiver.index.leaves import Leaf
from receiver.index.query import Query

_STATES = {"new_state": wire.AFTER, "previous_state": wire.BEFORE}


def pseudonyms_of(query: Query, redactor: Redactor) -> tuple[tuple[str, str], ...]:
    """Plain values that *query* asks for and their pseudonyms, by the same rules and key as entries are redacted.

    Both are looked for: a member of staff's address is kept, and so is what was recorded before there was a key.
    """
    asked = dict.fromkeys(_asked(query, redactor))
    return tuple((plain, filed) for plain, filed in asked if is_pseudonym(filed) and filed != plain)


def _asked(query: Query, redactor: Redactor) -> Iterator[tuple[str, Any]]:
    if query.user_email is not None:
        yield query.user_email, redactor.redact({"user.email": query.user_email})[0]["user.email"]
    for leaf in query.leaves:
        for said in _said(leaf):
            clean, _ = redactor.redact(said)
            yield leaf.value, _innermost(clean)


def _said(leaf: Leaf) -> Iterator[Mapping[str, Any]]:
    """The attributes that may have said *leaf*: its dots may stand in keys, too."""
    if leaf.field in _STATES:
        yield {_STATES[leaf.field]: _nested(leaf.path.split("."), leaf.value)}
        yield {_STATES[leaf.field]: {leaf.path: leaf.value}}
        return
    first, *inner = leaf.path.split(".")
    yield {f"{wire.METADATA}{first}": _nested(inner, leaf.value)}
    yield {f"{wire.METADATA}{leaf.path}": leaf.value}


def _nested(path: list[str], value: str) -> Any:
    return {path[0]: _nested(path[1:], value)} if path else value


def _innermost(value: Any) -> Any:
    while isinstance(value, Mapping):
        [value] = value.values()
    return value
