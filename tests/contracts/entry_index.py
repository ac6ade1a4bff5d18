"""What every index of entries promises."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from otel_audit.canonical import canonical, rfc3339
from otel_audit.entry import Entry, Integrity, Source
from receiver.claims import UNAUTHORISED
from receiver.clock import SECOND_NS
from receiver.index.leaves import Leaf
from receiver.index.port import COUNTED_MAX, EntryIndex
from receiver.index.query import Query, Range, words_of
from tests.contracts.entries import NOON_NS, ODD, PARTITION, entry, event_id, filed

LOG = "otel-audit/0123456789ab"

#: Filter ▶ its value, and the fields of an entry that it finds and of one that it does not.
FILTERS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "actions": (("user.login.failed",), {"action": "user.login.failed"}, {"action": "user.login.success"}),
    "user_id": ("u-1", {"user_id": "u-1"}, {"user_id": "U-1"}),
    "user_email": ("ann@example.com", {"user_email": "ann@example.com"}, {"user_email": "ben@example.com"}),
    "resource_type": ("order", {"resource_type": "order"}, {"resource_type": "orders"}),
    "resource_id": ("1001", {"resource_id": "1001"}, {"resource_id": "100"}),
    "service": ("payment", {"service_name": "payment"}, {"service_name": "order"}),
    "outcome": ("failure", {"outcome": "failure"}, {"outcome": "unknown"}),
    "severity": ("critical", {"severity": "critical"}, {"severity": "warning"}),
    "ip_address": ("10.0.0.7", {"ip_address": "10.0.0.7"}, {"ip_address": "10.0.0.70"}),
    "session_id": ("s-1", {"session_id": "s-1"}, {"session_id": None}),
    "trace_id": ("a" * 32, {"trace_id": "a" * 32}, {"trace_id": "b" * 32}),
    "request_id": ("r-1", {"request_id": "r-1"}, {"request_id": "r-2"}),
    "related": (("order:1001", "cart:2"), {"related": ("cart:1", "order:1001")}, {"related": ("order:10011",)}),
    "traces": (("b" * 32, "a" * 32), {"trace_id": "a" * 32}, {"trace_id": "c" * 32}),
    "status_code_min": (500, {"status_code": 503}, {"status_code": 499}),
    "since_ns": (NOON_NS, {"timestamp": rfc3339(NOON_NS)}, {"timestamp": rfc3339(NOON_NS - 1)}),
    "until_ns": (NOON_NS, {"timestamp": rfc3339(NOON_NS - 1)}, {"timestamp": rfc3339(NOON_NS)}),
    "amount": (Range(10.5, 20), {"new_state": {"total": "10.50"}}, {"metadata": {"amount": 20.01}}),
    "numbers": ((("weight", Range(5)),), {"metadata": {"weight": "5.0"}}, {"metadata": {"weight": 4.9, "size": 9}}),
    "leaves": (
        (Leaf("new_state", "status", "refunded"),),
        {"new_state": {"status": "refunded"}},
        {"new_state": {"status": "refund"}, "previous_state": {"status": "refunded"}},
    ),
    "words": (("printer", "offline"), {"reason": "the Printer was OFFLINE."}, {"reason": "printer"}),
}

WILDCARDS = [
    ("user.*", ["user.login.failed", "user.login.success"]),
    ("*.failed", ["order.label.print.failed", "user.login.failed"]),
    ("*login*", ["user.login.failed", "user.login.success"]),
    ("user.*.failed", ["user.login.failed"]),
    ("user*login*failed", ["user.login.failed"]),
    ("user.login.f", []),
    ("User.*", []),
    ("a_b", ["a_b"]),
    ("a_*", ["a_b"]),
    ("a%*", ["a%b"]),
    ("a?*", ["a?b"]),
    ("a[b]*", ["a[b]c"]),
    ("a\\*", ["a\\b"]),
    ("a.b*", []),
]  # fmt: skip
ACTIONS = sorted({*(name for _, found in WILDCARDS for name in found), "axb", "a\nb"})


def ids(index: EntryIndex, query: Query) -> list[str]:
    """The event ids of the first page."""
    return [each.event_id for each in index.search(query).entries]


def pages(index: EntryIndex, query: Query) -> Iterator[tuple[Entry, ...]]:
    """Every page, followed to the end."""
    while True:
        page = index.search(query)
        yield page.entries
        if page.next is None:
            return
        query = query.next_after(page.next)


#: The metadata keys that the ``index`` under test files as numbers.
NUMERIC = ("weight",)


class EntryIndexContract:
    """Subclass, offer an empty ``index`` that files NUMERIC as numbers, and be held to every promise of the port."""

    excused: ClassVar[dict[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _excuses(self, request: pytest.FixtureRequest) -> None:
        if (reason := self.excused.get(request.function.__name__)) is not None:
            pytest.skip(f"excused: {reason}")

    @contextmanager
    def settled(self, index: EntryIndex) -> Iterator[None]:
        """After this block what was amended in it is found; a backend that needs time for that waits here."""
        yield

    # -- putting ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", ODD)
    def test_an_entry_comes_back_as_it_was_put(self, index: EntryIndex, name: str) -> None:
        """Neither getting nor searching changes an entry by a bit, whatever it holds."""
        put = entry(**ODD[name])
        index.put(LOG, filed(put), cursor=1)
        for back in (index.get(put.tenant, put.event_id), *index.search(Query()).entries):
            assert back == put
            assert canonical(back.model_dump()) == canonical(put.model_dump())

    def test_put_twice_is_found_once(self, index: EntryIndex) -> None:
        """Putting the same entry again, in one batch or in another, changes nothing."""
        index.put(LOG, filed(entry(1), entry(1)), cursor=1)
        index.put(LOG, filed(entry(1)), cursor=2)
        assert ids(index, Query()) == [event_id(1)]
        assert index.search(Query()).total.value == 1

    def test_the_first_one_stands(self, index: EntryIndex) -> None:
        """A second entry with the same id does not replace the first, nor is it found by what it says."""
        first, second = entry(1, reason="first", related=("a:1",)), entry(1, reason="second", related=("a:2",))
        index.put(LOG, filed(first), cursor=1)
        index.put(LOG, filed(second), cursor=2)
        assert index.get("default", event_id(1)) == first
        assert ids(index, Query(words=("second",))) == []
        assert ids(index, Query(related=("a:2",))) == []

    def test_a_cursor_is_zero_before_the_first_put(self, index: EntryIndex) -> None:
        """An index that knows nothing of a log says so."""
        assert index.cursor(LOG) == 0

    def test_the_cursor_goes_with_the_put(self, index: EntryIndex) -> None:
        """Each log's cursor is the one last put for it."""
        index.put(LOG, filed(entry(1)), cursor=7)
        index.put("another/log", filed(entry(2)), cursor=3)
        index.put(LOG, filed(entry(3)), cursor=9)
        assert (index.cursor(LOG), index.cursor("another/log")) == (9, 3)

    def test_another_receiver_is_known_by_its_log(self, index: EntryIndex) -> None:
        """One's own entries, of whatever run, make nobody else."""
        index.put(LOG, filed(entry(1)), cursor=1)
        assert not index.is_shared(LOG)
        index.put("another/log", filed(entry(2)), cursor=1)
        assert index.is_shared(LOG)
        assert index.is_shared("another/log")

    def test_the_numbers_of_a_stream_are_told(self, index: EntryIndex) -> None:
        """In order, as many as asked for, of that tenant's stream alone; a claim on another's stream does not count."""

        def of(number: int, source_id: str = "s", **fields: Any) -> Entry:
            return entry(next(places), source=Source(id=source_id, sequence=number), **fields)

        places = iter(range(20))
        index.put(LOG, filed(of(5), of(3), of(4, "t"), of(9), entry(next(places))), cursor=1)
        index.put("another/log", filed(of(2), of(6, anomalies=(UNAUTHORISED,)), of(7, tenant="acme")), cursor=1)
        assert list(index.numbers("default", "s", 2, 8, 10)) == [2, 3, 5]
        assert list(index.numbers("default", "s", 1, 9, 2)) == [2, 3]
        assert list(index.numbers("default", "u", 1, 9, 2)) == []

    def test_a_cursor_moves_without_entries(self, index: EntryIndex) -> None:
        """Rows of the journal that are no entries are passed by."""
        index.put(LOG, [], cursor=4)
        assert index.cursor(LOG) == 4

    def test_what_is_put_is_found_at_once(self, index: EntryIndex) -> None:
        """A reader who sees a cursor finds every entry before it."""
        for number in range(5):
            index.put(LOG, filed(entry(number)), cursor=number + 1)
            assert index.search(Query()).total.value == number + 1

    def test_preparing_again_is_free(self, index: EntryIndex) -> None:
        """Partitions that exist already stay as they are."""
        index.prepare([PARTITION, "2026.12"])
        index.put(LOG, filed(entry(1)), cursor=1)
        index.prepare([PARTITION, "2026.12", "outlier"])
        assert ids(index, Query()) == [event_id(1)]

    # -- restoring ----------------------------------------------------------------------------------------

    def test_what_is_restored_is_made_anew(self, index: EntryIndex) -> None:
        """An entry that is there says what it is said to say now, and is found by that alone."""
        number = Integrity(log=LOG, index=0)
        before = {"reason": "before", "related": ("a:1",), "metadata": {"weight": 1}, "trace_id": "a" * 32}
        after = {"reason": "after", "related": ("a:2",), "metadata": {"weight": 9}, "trace_id": "b" * 32}
        rest = [entry(n, integrity=number, reason="rest") for n in (0, 2)]
        index.put(LOG, filed(rest[0], entry(1, integrity=number, **before), rest[1]), cursor=3)
        with self.settled(index):
            assert index.restore(LOG, filed(entry(1, integrity=number, **after))) == []
        for asked, found in (("before", []), ("after", [event_id(1)])):
            assert ids(index, Query(words=(asked,))) == found
        for related, found in (("a:1", []), ("a:2", [event_id(1)])):
            assert ids(index, Query(related=(related,))) == found
        assert ids(index, Query(numbers=(("weight", Range(0, 5)),))) == []
        assert ids(index, Query(numbers=(("weight", Range(5)),))) == [event_id(1)]
        assert ids(index, Query(trace_id="b" * 32)) == [event_id(1)]
        assert ids(index, Query()) == [event_id(2), event_id(1), event_id(0)]
        assert index.cursor(LOG) == 3

    def test_what_is_restored_again_and_again_is_there_once(self, index: EntryIndex) -> None:
        """Among entries put before, meanwhile and afterwards, each is found by its own words alone."""
        number = Integrity(log=LOG, index=0)
        every = [entry(n, integrity=number, reason=f"word{n}") for n in range(6)]
        index.put(LOG, filed(*every[:3]), cursor=3)
        for n in (2, 0, 2, 1):
            with self.settled(index):
                index.restore(LOG, filed(every[n]))
            index.put(LOG, filed(every[3 + n % 3]), cursor=4)
        for n, each in enumerate(every):
            assert index.search(Query(words=(f"word{n}",))).entries == (each,)
        assert index.search(Query()).total.value == 6

    def test_restoring_keeps_what_traces_showed(self, index: EntryIndex) -> None:
        """What was told later is still there, and what the journal says wins over it."""
        number = Integrity(log=LOG, index=0)
        index.put(LOG, filed(entry(1, integrity=number)), cursor=1)
        with self.settled(index):
            index.amend(PARTITION, "default", event_id(1), {"span_name": "seen later", "path": "/seen"})
        with self.settled(index):
            index.restore(LOG, filed(entry(1, integrity=number, path="/said")))
        found = index.get("default", event_id(1))
        assert found == entry(1, integrity=number, path="/said", span_name="seen later", seen=("span_name",))

    def test_what_was_not_there_is_restored_and_told(self, index: EntryIndex) -> None:
        """An index that lost its entries has them again, at once, and knows which those were."""
        number = Integrity(log=LOG, index=0)
        index.put(LOG, filed(entry(1, integrity=number)), cursor=5)
        both = filed(entry(1, integrity=number), entry(2, integrity=number))
        assert index.restore(LOG, both) == both[1:]
        assert ids(index, Query()) == [event_id(2), event_id(1)]
        assert index.restore(LOG, both) == []
        assert index.cursor(LOG) == 5

    def test_restoring_leaves_another_log_alone(self, index: EntryIndex) -> None:
        """The entry of another receiver stays as it is."""
        theirs = entry(1, integrity=Integrity(log="another/log", index=0), reason="theirs")
        index.put("another/log", filed(theirs), cursor=1)
        with self.settled(index):
            index.restore(LOG, filed(entry(1, integrity=Integrity(log=LOG, index=0), reason="ours")))
        assert index.get("default", event_id(1)) == theirs

    # -- traces -------------------------------------------------------------------------------------------

    def test_the_entries_of_many_traces_are_one_question(self, index: EntryIndex) -> None:
        """Those of each tenant's traces, the receiver's own too, and no others; no more than are asked for."""
        one, other, none = "a" * 32, "b" * 32, "c" * 32
        wanted = [
            entry(1, trace_id=one),
            entry(2, trace_id=one, action="audit.log.read"),
            entry(3, trace_id=other, tenant="acme"),
        ]
        rest = [entry(4, trace_id=one, tenant="acme"), entry(5, trace_id=none), entry(6, trace_id=None)]
        index.put(LOG, filed(*wanted, *rest), cursor=1)
        asked = [("default", one), ("acme", other), ("nobody", one), ("default", "d" * 32)]
        found = sorted((each.entry for each in index.of_traces(asked, 10)), key=lambda each: each.event_id)
        assert found == wanted
        assert len(index.of_traces(asked, 2)) == 2
        assert index.of_traces([("default", "d" * 32)], 10) == []

    def test_no_entries_of_a_trace_before_the_first_put(self, index: EntryIndex) -> None:
        """An empty index knows none."""
        assert index.of_traces([("default", "a" * 32)], 10) == []
        assert not index.is_shared(LOG)

    def test_an_entry_of_another_span_is_not_amended(self, index: EntryIndex) -> None:
        """What a span shows belongs to the entry on it, whoever else used its id."""
        index.put(LOG, filed(entry(1, span_id="a" * 16)), cursor=1)
        with self.settled(index):
            assert index.amend(PARTITION, "default", event_id(1), {"path": "/b"}, "b" * 16)
        found = index.get("default", event_id(1))
        assert found is not None
        assert found.path is None
        with self.settled(index):
            assert index.amend(PARTITION, "default", event_id(1), {"path": "/a"}, "a" * 16)
        found = index.get("default", event_id(1))
        assert found is not None
        assert found.path == "/a"

    # -- getting ------------------------------------------------------------------------------------------

    def test_an_unknown_id_gives_none(self, index: EntryIndex) -> None:
        """Not knowing an entry is an answer, in an empty index too."""
        assert index.get("default", event_id(1)) is None
        index.put(LOG, filed(entry(1)), cursor=1)
        assert index.get("default", event_id(2)) is None

    def test_tenants_do_not_see_each_other(self, index: EntryIndex) -> None:
        """The same id belongs to each tenant apart, for getting, searching and amending."""
        ours, theirs = entry(1, reason="ours"), entry(1, reason="theirs", tenant="acme")
        index.put(LOG, filed(ours, theirs, entry(2, tenant="acme", related=("order:1",))), cursor=3)
        with self.settled(index):
            assert index.amend(PARTITION, "acme", event_id(1), {"path": "/theirs"})
        assert index.get("default", event_id(1)) == ours
        assert index.search(Query()).entries == (ours,)
        assert ids(index, Query(tenant="acme")) == [event_id(2), event_id(1)]
        assert ids(index, Query(related=("order:1",))) == []
        assert ids(index, Query(tenant="nobody")) == []

    # -- searching ----------------------------------------------------------------------------------------

    def test_an_empty_index_answers(self, index: EntryIndex) -> None:
        """Nothing put is nothing found, exactly."""
        page = index.search(Query())
        assert (page.entries, page.next, page.total.value, page.total.exact) == ((), None, 0, True)

    @pytest.mark.parametrize("name", FILTERS)
    def test_a_filter_finds_what_it_asks_for(self, index: EntryIndex, name: str) -> None:
        """Each filter finds the entry that has the value, and neither one with another value nor one without."""
        value, found, other = FILTERS[name]
        index.put(LOG, filed(entry(1, **found), entry(2, **other), entry(3, timestamp=_far(name))), cursor=3)
        page = index.search(Query(**{name: value}))
        assert [each.event_id for each in page.entries] == [event_id(1)]
        assert page.total.value == 1

    def test_filters_hold_at_once(self, index: EntryIndex) -> None:
        """An entry must match every filter there is."""
        index.put(LOG, filed(entry(1, user_id="a", reason="x"), entry(2, user_id="a"), entry(3, reason="x")), cursor=3)
        assert ids(index, Query(user_id="a", words=("x",))) == [event_id(1)]

    @pytest.mark.parametrize(("pattern", "found"), WILDCARDS)
    def test_a_star_stands_for_anything(self, index: EntryIndex, pattern: str, found: list[str]) -> None:
        """``*`` is any run of characters wherever it stands; every other sign is itself."""
        index.put(LOG, filed(*(entry(n, action=action) for n, action in enumerate(ACTIONS))), cursor=1)
        assert sorted(each.action for each in index.search(Query(actions=(pattern,))).entries) == found

    def test_any_of_several_actions_will_do(self, index: EntryIndex) -> None:
        """Patterns and whole names side by side, each entry once."""
        index.put(LOG, filed(*(entry(n, action=action) for n, action in enumerate(ACTIONS))), cursor=1)
        found = index.search(Query(actions=("a_b", "*.failed", "order.*"))).entries
        assert sorted(each.action for each in found) == ["a_b", "order.label.print.failed", "user.login.failed"]

    def test_a_lone_star_finds_every_action(self, index: EntryIndex) -> None:
        """``*`` leaves out nothing but the receiver's own entries."""
        actions = [*ACTIONS, "audit.read"]
        index.put(LOG, filed(*(entry(n, action=action) for n, action in enumerate(actions))), cursor=1)
        assert sorted(each.action for each in index.search(Query(actions=("*",))).entries) == ACTIONS

    @pytest.mark.parametrize("asked", ["audit.*", "audit.finding.opened", "audit.*.opened"])
    def test_own_entries_come_when_asked_for(self, index: EntryIndex, asked: str) -> None:
        """The receiver's own entries are found by an action that begins with ``audit.``, and only then."""
        index.put(LOG, filed(entry(1), entry(2, action="audit.finding.opened"), entry(3, action="auditor.x")), cursor=3)
        assert ids(index, Query(actions=(asked,))) == [event_id(2)]
        assert ids(index, Query()) == [event_id(3), event_id(1)]

    def test_own_entries_come_with_the_others_when_they_are_wanted(self, index: EntryIndex) -> None:
        """A trace and a history hold what the receiver itself did there, a search and its counts do not."""
        own = entry(2, action="audit.receiver.start.success", trace_id="a" * 32, resource_id="r-1")
        index.put(LOG, filed(entry(1, trace_id="a" * 32, resource_id="r-1"), own), cursor=2)
        for asked in (Query(), Query(trace_id="a" * 32), Query(resource_id="r-1")):
            assert ids(index, asked) == [event_id(1)]
            assert index.facets(asked, 10).counts["action"] == (("inventory.update.success", 1),)
            assert ids(index, replace(asked, with_own=True)) == [event_id(2), event_id(1)]
        assert index.get("default", event_id(2)) == own

    @pytest.mark.parametrize(
        ("fields", "question"),
        [
            ({"error_message": "Tray 2 is empty"}, "TRAY empty"),
            ({"resource_id": "sku-7_b"}, "sku 7 b"),
            ({"action": "order.label.print.failed"}, "label print"),
            ({"reason": "Straße nach Ürümqi"}, "STRASSE ürümqi"),
            ({"reason": "日本語 テスト"}, "日本語"),
            ({"reason": "İzmir"}, "İZMIR".replace("I", "i")),
            ({"reason": 'a "quoted" NEAR AND'}, "quoted near and"),
        ],
    )
    def test_words_are_folded_and_whole(self, index: EntryIndex, fields: dict[str, Any], question: str) -> None:
        """Words are found whatever their case or script, in every text they may stand in."""
        index.put(LOG, filed(entry(1, **fields), entry(2, reason="something else")), cursor=2)
        assert ids(index, Query(words=words_of([question]))) == [event_id(1)]

    def test_part_of_a_word_is_no_word(self, index: EntryIndex) -> None:
        """A word matches as a whole only."""
        index.put(LOG, filed(entry(1, reason="warehouse")), cursor=1)
        assert ids(index, Query(words=("ware",))) == []

    def test_both_times_can_be_asked(self, index: EntryIndex) -> None:
        """Range and order go by the event's time or by its receipt, whichever the query names."""
        early_late = entry(1, timestamp=rfc3339(NOON_NS), received_at=rfc3339(NOON_NS + 9))
        late_early = entry(2, timestamp=rfc3339(NOON_NS + 5), received_at=rfc3339(NOON_NS + 6))
        index.put(LOG, filed(early_late, late_early), cursor=2)
        assert ids(index, Query()) == [event_id(2), event_id(1)]
        assert ids(index, Query(time="received")) == [event_id(1), event_id(2)]
        assert ids(index, Query(since_ns=NOON_NS + 1)) == [event_id(2)]
        assert ids(index, Query(since_ns=NOON_NS + 7, time="received")) == [event_id(1)]
        assert ids(index, Query(until_ns=NOON_NS + 9, time="received")) == [event_id(2)]

    @pytest.mark.parametrize("bounds", [{"since_ns": -5}, {"until_ns": 2**70}, {"since_ns": 0, "until_ns": 2**64}])
    def test_bounds_beyond_all_time_bound_nothing(self, index: EntryIndex, bounds: dict[str, int]) -> None:
        """A range wider than what can be stored finds everything, the remotest entry included."""
        index.put(LOG, filed(entry(1), entry(2, **ODD["far in the future"]), entry(3, **ODD["at the epoch"])), cursor=3)
        assert ids(index, Query(**bounds)) == [event_id(2), event_id(1), event_id(3)]

    def test_a_range_after_all_time_is_empty(self, index: EntryIndex) -> None:
        """Nothing happened after the end of what can be stored."""
        index.put(LOG, filed(entry(1, **ODD["far in the future"])), cursor=1)
        assert ids(index, Query(since_ns=2**64)) == []

    def test_nanoseconds_count(self, index: EntryIndex) -> None:
        """Two events a nanosecond apart stand in their order, and a range can part them."""
        index.put(LOG, filed(entry(2, timestamp=rfc3339(NOON_NS)), entry(1, timestamp=rfc3339(NOON_NS + 1))), cursor=2)
        assert ids(index, Query(order="asc")) == [event_id(2), event_id(1)]
        assert ids(index, Query(since_ns=NOON_NS + 1)) == [event_id(1)]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_ties_go_by_event_id(self, index: EntryIndex, order: Any) -> None:
        """At the same time, ids decide, in the same direction."""
        tied = [entry(number, timestamp=rfc3339(NOON_NS)) for number in (3, 1, 2)]
        index.put(LOG, filed(*tied), cursor=3)
        expected = [event_id(number) for number in (1, 2, 3)]
        assert ids(index, Query(order=order)) == (expected if order == "asc" else expected[::-1])

    @pytest.mark.parametrize("time", ["event", "received"])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("limit", [1, 4, 10, 30])
    def test_pages_neither_skip_nor_repeat(self, index: EntryIndex, limit: int, order: Any, time: Any) -> None:
        """Following pages gives each match once, in order, though many share a time; the total stays the same."""
        many = [entry(n, timestamp=rfc3339(NOON_NS + n // 7), received_at=rfc3339(NOON_NS + n // 5)) for n in range(30)]
        index.put(LOG, filed(*many), cursor=30)
        query = Query(limit=limit, order=order, time=time)
        found = [each for page in pages(index, query) for each in page]
        assert found == (many if order == "asc" else many[::-1])
        last = index.search(query.next_after(index.search(query).next)) if limit < 30 else index.search(query)
        assert (last.total.value, last.total.exact) == (30, True)

    def test_the_last_page_says_so(self, index: EntryIndex) -> None:
        """A page that ends with the last match has no next, even when it is full."""
        index.put(LOG, filed(entry(1), entry(2)), cursor=2)
        assert index.search(Query(limit=2)).next is None
        assert index.search(Query(limit=1)).next is not None

    def test_remote_times_can_be_paged(self, index: EntryIndex) -> None:
        """Pages pass over times that lie beyond what an index can sort by."""
        remote = [entry(n, timestamp=f"255{n}-01-01T00:00:00.000000000Z") for n in range(3)]
        index.put(LOG, filed(*remote, entry(9)), cursor=4)
        found = [each.event_id for page in pages(index, Query(limit=1)) for each in page]
        assert found == [event_id(2), event_id(1), event_id(0), event_id(9)]

    def test_a_total_says_when_it_is_not_exact(self, index: EntryIndex) -> None:
        """Up to the bound the number is exact, above it the bound is given and said to be one."""
        numbers = range(COUNTED_MAX + 1)
        index.put(LOG, filed(*(entry(number) for number in numbers[:-1])), cursor=1)
        total = index.search(Query(limit=1)).total
        assert (total.value, total.exact) == (COUNTED_MAX, True)
        index.put(LOG, filed(entry(numbers[-1])), cursor=2)
        total = index.search(Query(limit=1)).total
        assert (total.value, total.exact) == (COUNTED_MAX, False)

    @pytest.mark.parametrize(
        ("bounds", "found"),
        [
            (Range(2, 3), [2, 3]),
            (Range(None, 2), [1, 2]),
            (Range(3, None), [3, 4]),
            (Range(2.5, 2.9), []),
            (Range(), [1, 2, 3, 4]),
        ],
    )
    def test_bounds_of_an_amount_are_included(self, index: EntryIndex, bounds: Range, found: list[int]) -> None:
        """Either may be left out; an entry without an amount is in no range, open as it may be."""
        put = [entry(n, metadata={"amount": n, "weight": n}) for n in range(1, 5)]
        index.put(LOG, filed(*put, entry(9, metadata={"amount": "much"})), cursor=1)
        for query in (Query(amount=bounds, order="asc"), Query(numbers=(("weight", bounds),), order="asc")):
            assert ids(index, query) == [event_id(n) for n in found]

    @pytest.mark.parametrize(
        "leaf",
        [
            Leaf("new_state", "customer.city", "Köln"),
            Leaf("new_state", "paid", "true"),
            Leaf("new_state", "count", "3"),
            Leaf("new_state", "price", "1.5"),
            Leaf("new_state", "tags", "b"),
            Leaf("new_state", "lines.sku", "y"),
            Leaf("new_state", "dotted.key", "x"),
            Leaf("previous_state", "value", "plain"),
            Leaf("metadata", "cart.size", "7"),
            Leaf("metadata", "order_id", "o-1"),
            Leaf("metadata", "long", "l" * 1024),
        ],
    )
    def test_a_leaf_is_found_wherever_it_stands(self, index: EntryIndex, leaf: Leaf) -> None:
        """Inside objects and lists, of any kind; neither in another field, nor under another path, nor in part."""
        state = {
            "customer": {"city": "Köln"},
            "paid": True,
            "count": 3,
            "price": 1.5,
            "tags": ["a", "b"],
            "lines": [{"sku": "x"}, {"sku": "y"}],
            "dotted.key": "x",
            "nothing": None,
        }
        metadata = {"cart.size": 7, "order_id": "o-1", "long": "l" * 1024}
        index.put(LOG, filed(entry(1, new_state=state, previous_state="plain", metadata=metadata), entry(2)), cursor=2)
        assert ids(index, Query(leaves=(leaf,))) == [event_id(1)]
        assert ids(index, Query(leaves=(leaf, Leaf("metadata", "order_id", "o-1")))) == [event_id(1)]
        for other in (
            leaf._replace(value=leaf.value[:-1] or "z"),
            leaf._replace(path=leaf.path + "s"),
            leaf._replace(field="metadata" if leaf.field != "metadata" else "new_state"),
        ):
            assert ids(index, Query(leaves=(other,))) == []

    def test_what_is_null_or_too_long_is_no_leaf(self, index: EntryIndex) -> None:
        """It is kept, and not found by."""
        index.put(LOG, filed(entry(1, new_state={"nothing": None, "long": "l" * 1025})), cursor=1)
        for leaf in (Leaf("new_state", "nothing", "null"), Leaf("new_state", "long", "l" * 1025)):
            assert ids(index, Query(leaves=(leaf,))) == []

    # -- counting -----------------------------------------------------------------------------------------

    def test_facets_count_the_matches(self, index: EntryIndex) -> None:
        """By each field, the most frequent first, ties by value; what a field does not say is not counted."""
        put = [
            entry(1, action="a.success", user_id="u", service_name="s", outcome="success", ip_address="::1"),
            entry(2, action="b.success", user_id="u", service_name="t", outcome="success"),
            entry(3, action="b.failed", service_name="t", outcome="failure"),
            entry(4, action="b.failed", tenant="acme"),
            entry(5, action="audit.read"),
        ]
        index.put(LOG, filed(*put), cursor=5)
        facets = index.facets(Query(), 2)
        assert facets.exact
        assert facets.counts == {
            "action": (("a.success", 1), ("b.failed", 1)),
            "service": (("t", 2), ("s", 1)),
            "outcome": (("success", 2), ("failure", 1)),
            "user_id": (("u", 2),),
            "ip_address": (("::1", 1),),
        }
        narrow = index.facets(Query(user_id="u", limit=1, order="asc"), 10)
        assert narrow.counts["action"] == (("a.success", 1), ("b.success", 1))

    def test_facets_of_nothing_are_empty(self, index: EntryIndex) -> None:
        """An empty index counts nothing, exactly."""
        facets = index.facets(Query(), 5)
        assert (set(facets.counts.values()), facets.exact) == ({()}, True)

    # -- amending -----------------------------------------------------------------------------------------

    def test_amending_adds_what_was_missing(self, index: EntryIndex) -> None:
        """Fields the trace showed later join the entry, are named in ``seen``, and are found."""
        index.put(LOG, filed(entry(1, reason="r", related=("order:1",)), entry(2)), cursor=2)
        shown = {"status_code": 503, "ip_address": "203.0.113.9", "path": "/pay", "duration_ms": 1.5, "user_agent": "x"}
        with self.settled(index):
            assert index.amend(PARTITION, "default", event_id(1), shown)
        back = index.get("default", event_id(1))
        assert back == entry(1, reason="r", related=("order:1",), **shown, seen=tuple(shown))
        for query in (Query(status_code_min=500), Query(ip_address="203.0.113.9")):
            assert index.search(query).entries == (back,)
        for query in (Query(related=("order:1",)), Query(words=("r",))):
            assert ids(index, query) == [event_id(1)]

    def test_amending_replaces_nothing(self, index: EntryIndex) -> None:
        """What the event said stays, and is not named in ``seen``."""
        index.put(LOG, filed(entry(1, path="/said", seen=("duration_ms",), duration_ms=1.0)), cursor=1)
        with self.settled(index):
            assert index.amend(PARTITION, "default", event_id(1), {"path": "/seen", "status_code": 200})
        amended = entry(1, path="/said", duration_ms=1.0, status_code=200, seen=("duration_ms", "status_code"))
        assert index.get("default", event_id(1)) == amended

    def test_amending_again_changes_nothing(self, index: EntryIndex) -> None:
        """A repeat is harmless, and a later showing does not replace an earlier one."""
        index.put(LOG, filed(entry(1)), cursor=1)
        with self.settled(index):
            for status in (200, 200, 500):
                assert index.amend(PARTITION, "default", event_id(1), {"status_code": status})
        assert index.get("default", event_id(1)) == entry(1, status_code=200, seen=("status_code",))

    def test_amending_in_steps_keeps_every_step(self, index: EntryIndex) -> None:
        """Each amendment adds to those before it, and a repeated put undoes none."""
        index.put(LOG, filed(entry(1)), cursor=1)
        with self.settled(index):
            index.amend(PARTITION, "default", event_id(1), {"span_name": "GET /"})
            index.amend(PARTITION, "default", event_id(1), {"ip_address": "not an address"})
            index.amend(PARTITION, "default", event_id(1), {"user_agent": "agent " * 2000})
            index.put(LOG, filed(entry(1)), cursor=1)
        back = index.get("default", event_id(1))
        assert back is not None
        assert back.seen == ("span_name", "ip_address", "user_agent")
        assert (back.ip_address, back.user_agent) == ("not an address", "agent " * 2000)

    def test_what_is_not_there_cannot_be_amended(self, index: EntryIndex) -> None:
        """The caller learns that the entry has not arrived yet, and nothing is made up."""
        assert not index.amend(PARTITION, "default", event_id(1), {"status_code": 200})
        index.put(LOG, filed(entry(2)), cursor=1)
        assert not index.amend(PARTITION, "default", event_id(1), {"status_code": 200})
        assert index.get("default", event_id(1)) is None

    def test_only_what_a_trace_shows_can_be_amended(self, index: EntryIndex) -> None:
        """What an event says can never be written by an amendment."""
        index.put(LOG, filed(entry(1)), cursor=1)
        with pytest.raises(ValueError, match="reason"):
            index.amend(PARTITION, "default", event_id(1), {"reason": "made up"})


def _far(filter_name: str) -> str:
    """A time that no range of the filters asks for."""
    return rfc3339(NOON_NS - SECOND_NS if filter_name == "since_ns" else NOON_NS + SECOND_NS)
