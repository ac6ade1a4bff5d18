"""What belongs to one matter, and why."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from otel_audit.canonical import rfc3339, unix_ns
from otel_audit.entry import Entry
from receiver.correlate import journey as module
from receiver.correlate.journey import SUBMITTED_WITHIN_NS, Abandoned, Journey, Knows, Why, abandoned, journey_of
from receiver.index.memory import MemoryIndex
from receiver.index.query import LIMIT_MAX, Query
from receiver.traces.port import Found
from receiver.traces.span import Span
from tests.contracts.entries import NOON_NS, entry, event_id, filed
from tests.contracts.spans import span


def trace(name: str) -> str:
    return name * 32


def of(kind: str, identity: str, *entries: Entry, spans: dict[str, list[Span]] | None = None) -> Journey:
    """The journey over an index with *entries* and a store with *spans*."""
    index = MemoryIndex()
    index.put("log", filed(*entries), cursor=1)

    def ask(query: Query) -> list[Entry]:
        return list(index.search(replace(query, limit=LIMIT_MAX)).entries)

    def spans_of(trace_id: str) -> Found:
        return Found(tuple((spans or {}).get(trace_id, ())), False)

    def linking(traces: Sequence[str], limit: int) -> list[Span]:
        every = [each for of_one in (spans or {}).values() for each in of_one]
        return [each for each in every if any(to in traces for to, _ in each.links)][:limit]

    return journey_of("default", kind, identity, Knows(ask, lambda each: index.get("default", each), spans_of, linking))


def found(journey: Journey) -> list[str]:
    return [each.event_id for each in journey.timeline()]


def whys(journey: Journey, name: str) -> list[Why]:
    return list(journey.whys[trace(name)])


def test_a_life_goes_over_many_traces() -> None:
    """The cart before the order, the payment's webhook after it, what shares a trace; each trace says why."""
    journey = of(
        "order",
        "1",
        entry(1, trace_id=trace("a"), related=("cart:7",)),
        entry(2, trace_id=trace("b"), related=("order:1", "cart:7", "payment:9", "product:5")),
        entry(3, trace_id=trace("b"), related=()),
        entry(4, trace_id=trace("c"), related=("payment:9",)),
        entry(5, trace_id=trace("d"), related=("product:5",)),
        entry(6, related=("order:1",)),
        entry(7, trace_id=trace("e"), related=("order:2",)),
    )
    assert found(journey) == [event_id(n) for n in (1, 2, 3, 4, 6)]
    assert whys(journey, "a") == [Why("related", "cart:7")]
    assert whys(journey, "b") == [Why("related", "order:1"), Why("related", "cart:7"), Why("related", "payment:9")]
    assert whys(journey, "c") == [Why("related", "payment:9")]
    assert journey.cut == []


def test_the_session_before_it_belongs_to_it() -> None:
    """What was looked at and put into the cart, though nothing names the order yet."""
    journey = of(
        "order",
        "1",
        entry(1, trace_id=trace("a"), session_id="s"),
        entry(2, trace_id=trace("b"), session_id="s", related=("order:1",)),
        entry(3, trace_id=trace("c"), session_id="t"),
    )
    assert found(journey) == [event_id(1), event_id(2)]
    assert whys(journey, "a") == [Why("session", "session:s")]


def test_causes_are_followed_both_ways() -> None:
    """What caused an entry of it, and what one of its entries caused."""
    journey = of(
        "refund",
        "r",
        entry(1, trace_id=trace("a")),
        entry(2, trace_id=trace("b"), parent_event_id=event_id(1), related=("refund:r", f"entry:{event_id(1)}")),
        entry(3, trace_id=trace("c"), parent_event_id=event_id(2), related=(f"entry:{event_id(2)}",)),
        entry(4, trace_id=trace("d"), parent_event_id=event_id(9), related=("refund:r", f"entry:{event_id(9)}")),
    )
    assert found(journey) == [event_id(n) for n in (1, 2, 3, 4)]
    assert whys(journey, "a") == [Why("caused", f"entry:{event_id(2)}")]
    assert whys(journey, "c") == [Why("parent event", f"entry:{event_id(2)}")]


def test_span_links_are_followed() -> None:
    """A span that points to another trace ties that one in."""
    journey = of(
        "order",
        "1",
        entry(1, trace_id=trace("a"), related=("order:1",)),
        entry(2, trace_id=trace("b")),
        spans={trace("a"): [span(1, links=((trace("b"), f"{7:016x}"), (trace("c"), f"{8:016x}")))]},
    )
    assert found(journey) == [event_id(1), event_id(2)]
    assert whys(journey, "b") == [Why("span link", f"span:{1:016x}")]


def test_span_links_are_followed_from_the_other_end() -> None:
    """A trace whose span points to one of these belongs to it, too: a webhook knows its order, not the other way."""
    webhook = replace(span(5, links=((trace("a"), f"{1:016x}"),)), trace_id=trace("b"))
    journey = of(
        "order",
        "1",
        entry(1, trace_id=trace("a"), related=("order:1",)),
        entry(2, trace_id=trace("b")),
        spans={trace("b"): [webhook]},
    )
    assert found(journey) == [event_id(1), event_id(2)]
    assert whys(journey, "b") == [Why("span link", f"span:{5:016x}")]


def test_a_users_life_is_not_one_matter() -> None:
    """What they did and what was done to them, and not everybody who ever touched the same orders."""
    journey = of(
        "user",
        "ann",
        entry(1, user_id="ann", related=("order:1",), session_id="s"),
        entry(2, user_id="bob", related=("order:1",)),
        entry(3, user_id="bob", related=("user:ann",)),
    )
    assert found(journey) == [event_id(1), event_id(3)]


def test_a_session_is_what_happened_in_it() -> None:
    """By its own field, or named."""
    journey = of("session", "s", entry(1, session_id="s"), entry(2, related=("session:s",)), entry(3, session_id="t"))
    assert found(journey) == [event_id(1), event_id(2)]


def test_nothing_is_found_where_nothing_names_it() -> None:
    """And nothing is followed."""
    assert not of("order", "1", entry(1, related=("order:2",))).entries


def test_what_is_too_much_is_cut_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer has an end."""
    monkeypatch.setattr(module, "KEYS_MAX", 2)
    journey = of("order", "1", entry(1, related=("order:1", *(f"payment:{n}" for n in range(5)))))
    assert journey.cut == ["only 2 of 5 keys were followed"]


# -- abandoned checkouts


def at(minutes: float) -> str:
    return rfc3339(NOON_NS + int(minutes * 60e9))


STARTED = {"action": "order.checkout.start.success", "timestamp": at(0)}


@pytest.mark.parametrize(
    ("later", "known_until", "expected"),
    [
        ([], 29, []),
        ([], 30, [None]),
        ([("order.create.success", 12)], 90, []),
        ([("order.create.failed", 12)], 90, [None]),
        ([("order.create.success", 45)], 90, [event_id(10)]),
        ([("order.create.success", -5)], 90, [None]),
        ([("order.create.success", 30)], 90, []),
    ],
)
def test_a_checkout_that_is_not_submitted_is_abandoned(
    later: list[tuple[str, float]], known_until: float, expected: list[Any]
) -> None:
    """Once 30 minutes are known to have passed; one that was submitted later was resumed."""
    more = [entry(10 + n, action=action, timestamp=at(minutes)) for n, (action, minutes) in enumerate(later)]
    entries = sorted([entry(1, **STARTED), *more], key=lambda each: each.timestamp)
    left = abandoned(entries, unix_ns(at(known_until)))
    assert left == [Abandoned(event_id(1), NOON_NS + SUBMITTED_WITHIN_NS, resumed) for resumed in expected]
