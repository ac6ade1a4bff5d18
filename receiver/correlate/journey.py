"""One order's life, or a cart's, a payment's, a user's, a session's, over many traces, each with why it belongs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from otel_audit.canonical import unix_ns
from otel_audit.entry import Entry
from receiver.clock import SECOND_NS
from receiver.index.query import Query
from receiver.traces.port import Found
from receiver.traces.span import Span

#: What one business matter is made of: keys of these kinds are followed from entry to entry. Who takes part in many
#: matters (users, products, warehouses) ties together what does not belong together.
FOLLOWED = frozenset(
    {
        *("order", "cart", "checkout", "payment", "authorization", "refund", "chargeback", "subscription"),
        *("return", "exchange", "shipment", "label", "ticket", "invoice"),
    }
)
#: So many keys, sessions and traces are followed.
KEYS_MAX = 50
TRACES_MAX = 100
#: A checkout that is not submitted within so long is abandoned.
SUBMITTED_WITHIN_NS = 30 * 60 * SECOND_NS
_STARTED = "order.checkout.start.success"
_SUBMITTED = ("order.create.success", "order.confirm.success")

#: Spans that link to its traces are looked at, so many.
LINKING_MAX = 1_000


class Knows(NamedTuple):
    """Whom a journey asks: for every entry of a query, the entry of an id, the spans of a trace, those that link to
    traces (at most so many)."""

    ask: Callable[[Query], list[Entry]]
    one: Callable[[str], Entry | None]
    trace: Callable[[str], Found]
    linking: Callable[[Sequence[str], int], Sequence[Span]]


class Why(NamedTuple):
    """What ties a trace in: a key that its entries share, or a link of one of the spans of another trace."""

    why: str
    key: str


class Abandoned(NamedTuple):
    """A checkout that was started by *event_id* and not submitted in time; *resumed* is what submitted it later."""

    event_id: str
    at_ns: int
    resumed: str | None


@dataclass
class Journey:
    """What belongs together; ``whys`` says of each trace why, ``cut`` what was not followed any more."""

    entries: dict[str, Entry] = field(default_factory=dict)
    whys: dict[str, dict[Why, None]] = field(default_factory=lambda: defaultdict(dict))
    cut: list[str] = field(default_factory=list)

    def timeline(self) -> list[Entry]:
        """Its entries, oldest first."""
        return sorted(self.entries.values(), key=lambda entry: (unix_ns(entry.timestamp), entry.event_id))

    def _take(self, entries: Iterable[Entry], why: Callable[[Entry], Iterable[Why]]) -> None:
        for entry in entries:
            self.entries[entry.event_id] = entry
            if entry.trace_id is not None:
                self.whys[entry.trace_id].update(dict.fromkeys(why(entry)))

    def _bounded(self, found: Iterable[str], most: int, what: str) -> tuple[str, ...]:
        every = tuple(dict.fromkeys(found))
        if len(every) > most:
            self.cut.append(f"only {most} of {len(every)} {what} were followed")
        return every[:most]


def journey_of(tenant: str, kind: str, identity: str, knows: Knows) -> Journey:
    """Begin with what names *kind* and *identity*, then follow keys, sessions, causes, traces and span links.

    Nothing is found where nothing names it.
    """
    ask = knows.ask
    journey = Journey()
    start = f"{kind}:{identity}"
    begin = {"user": Query(tenant=tenant, user_id=identity), "session": Query(tenant=tenant, session_id=identity)}
    journey._take(ask(Query(tenant=tenant, related=(start,))), _sharing(start))
    if kind in begin:
        journey._take(ask(begin[kind]), lambda _: [Why(kind, start)])
    if kind != "user":  # a user's whole life is not one matter
        _follow_keys(journey, tenant, start, ask)
    _follow_causes(journey, tenant, knows)
    _follow_links(journey, tenant, knows)
    traces = journey._bounded(journey.whys, TRACES_MAX, "traces")
    if traces:
        journey._take(ask(Query(tenant=tenant, traces=traces)), lambda _: ())
    return journey


def _follow_keys(journey: Journey, tenant: str, start: str, ask: Callable[[Query], list[Entry]]) -> None:
    """The keys that its entries name beside *start*, and the sessions in which they happened."""
    named = (key for entry in journey.timeline() for key in entry.related)
    keys = journey._bounded((k for k in named if k != start and k.partition(":")[0] in FOLLOWED), KEYS_MAX, "keys")
    if keys:
        journey._take(ask(Query(tenant=tenant, related=keys)), _sharing(*keys))
    sessions = (f"session:{each.session_id}" for each in journey.timeline() if each.session_id)
    for session in journey._bounded(sessions, KEYS_MAX, "sessions"):
        _take_session(journey, ask(Query(tenant=tenant, session_id=session.partition(":")[2])), session)


def _take_session(journey: Journey, entries: list[Entry], session: str) -> None:
    journey._take(entries, lambda _: [Why("session", session)])


def _follow_causes(journey: Journey, tenant: str, knows: Knows) -> None:
    """The entries that caused these, and those that these caused."""
    missing = {each.parent_event_id: each.event_id for each in journey.timeline() if each.parent_event_id}
    for parent in journey._bounded(missing.keys() - journey.entries.keys(), KEYS_MAX, "causes"):
        if (entry := knows.one(parent)) is not None:
            journey._take([entry], lambda entry: [Why("caused", f"entry:{missing[entry.event_id]}")])
    caused = [f"entry:{event_id}" for event_id in journey.entries]
    for at in range(0, len(caused), TRACES_MAX):
        keys = tuple(caused[at : at + TRACES_MAX])
        journey._take(knows.ask(Query(tenant=tenant, related=keys)), _sharing(*keys, why="parent event"))


def _follow_links(journey: Journey, tenant: str, knows: Knows) -> None:
    """The traces to which spans of these point, and those whose spans point to these."""
    known = journey._bounded(journey.whys, TRACES_MAX, "traces")
    if not known:
        return
    links = {link: span.span_id for each in known for span in knows.trace(each).spans for link, _ in span.links}
    links |= {span.trace_id: span.span_id for span in knows.linking(known, LINKING_MAX)}
    linked = journey._bounded(links.keys() - journey.whys.keys(), TRACES_MAX, "linked traces")
    if linked:
        found = knows.ask(Query(tenant=tenant, traces=linked))
        journey._take(found, lambda entry: [Why("span link", f"span:{links[entry.trace_id or '']}")])


def _sharing(*keys: str, why: str = "related") -> Callable[[Entry], Iterator[Why]]:
    wanted = frozenset(keys)
    return lambda entry: (Why(why, key) for key in entry.related if key in wanted)


def abandoned(entries: Sequence[Entry], known_until_ns: int) -> list[Abandoned]:
    """The checkouts among *entries*, oldest first, that were started and not submitted within 30 minutes.

    What would have had to come after *known_until_ns* is not known yet.
    """
    found = []
    for entry in entries:
        end_ns = unix_ns(entry.timestamp) + SUBMITTED_WITHIN_NS
        if entry.action != _STARTED or end_ns > known_until_ns:
            continue
        submitted = [e for e in entries if e.action in _SUBMITTED and e.timestamp >= entry.timestamp]
        if not submitted or unix_ns(submitted[0].timestamp) > end_ns:
            found.append(Abandoned(entry.event_id, end_ns, submitted[0].event_id if submitted else None))
    return found
