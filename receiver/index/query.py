"""A question to the index: which entries, in which order, from where on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from otel_audit.wire import PREFIX
from receiver.index.leaves import Leaf

LIMIT_MAX = 1000

Order = Literal["desc", "asc"]
TimeField = Literal["event", "received"]

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Position:
    """The place after one entry in an order: its time (by the query's time field) and its id."""

    time_ns: int
    event_id: str


class Range(NamedTuple):
    """Bounds of a number, both included; None where there is none."""

    least: float | None = None
    most: float | None = None

    def holds(self, number: float | None) -> bool:
        """Whether *number* lies within; what is no number lies nowhere."""
        return (
            number is not None
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
        )


@dataclass(frozen=True, slots=True)
class Query:
    """Which entries are asked for. A filter that is None or empty asks nothing; all others must hold at once.

    Of ``actions``, ``related`` and ``traces`` any may match; an action may hold ``*`` for any run of characters.
    ``since_ns`` is included, ``until_ns`` is not; both, and the order, go by the event's time or by its receipt
    (``time``). Ties go by event id in the same order. ``words`` are folded whole words, each of which must occur in
    the entry's free text.
    ``numbers`` bounds metadata by key, of those the index was told to file as numbers; ``leaves`` must all be there.
    ``pseudonyms`` say under which other value what is asked of ``user_email`` and of ``leaves`` may be filed, too.
    Entries of the receiver itself (``audit.…``) are left out unless ``actions`` ask for them, or ``with_own`` does.
    """

    tenant: str = "default"
    actions: tuple[str, ...] = ()
    user_id: str | None = None
    user_email: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    service: str | None = None
    outcome: str | None = None
    severity: str | None = None
    ip_address: str | None = None
    session_id: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    related: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    status_code_min: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    time: TimeField = "event"
    words: tuple[str, ...] = ()
    amount: Range | None = None
    numbers: tuple[tuple[str, Range], ...] = ()
    leaves: tuple[Leaf, ...] = ()
    order: Order = "desc"
    limit: int = 100
    after: Position | None = None
    with_own: bool = False
    pseudonyms: tuple[tuple[str, str], ...] = ()

    @property
    def wants_own(self) -> bool:
        """Whether the receiver's own entries are asked for."""
        return self.with_own or any(each.startswith(PREFIX) for each in self.actions)

    def values(self, value: str) -> tuple[str, ...]:
        """Any of these is as good as *value*."""
        return (value, *(other for plain, other in self.pseudonyms if plain == value))

    @property
    def any_leaves(self) -> tuple[tuple[Leaf, ...], ...]:
        """The leaves asked for, each with those that are as good."""
        return tuple(tuple(leaf._replace(value=each) for each in self.values(leaf.value)) for leaf in self.leaves)

    def next_after(self, position: Position) -> "Query":
        """The same question, from *position* on."""
        return replace(self, after=position)


#: Query field ▶ entry field, for the filters that compare one field with one value.
EXACT = {
    "user_id": "user_id",
    "user_email": "user_email",
    "resource_type": "resource_type",
    "resource_id": "resource_id",
    "service": "service_name",
    "outcome": "outcome",
    "severity": "severity",
    "ip_address": "ip_address",
    "session_id": "session_id",
    "trace_id": "trace_id",
    "request_id": "request_id",
}

#: What the matches of a query are counted by: query field ▶ entry field.
FACETS = {
    "action": "action",
    "service": "service_name",
    "outcome": "outcome",
    "user_id": "user_id",
    "ip_address": "ip_address",
}


def words_of(texts: Iterable[str | None]) -> tuple[str, ...]:
    """The case-folded whole runs of letters and digits in *texts*, each once, in order."""
    found: list[str] = []
    for text in filter(None, texts):
        if text.isascii():  # folded as a whole: elsewhere that may part a word
            found += _WORD.findall(text.lower())
        else:
            found += map(str.casefold, _WORD.findall(text))
    return tuple(dict.fromkeys(found))
