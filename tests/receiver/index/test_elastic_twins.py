"""Several receivers fill one index: an event is there once, and of two different ones with an id both are kept."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from otel_audit.canonical import rfc3339
from otel_audit.entry import Integrity
from receiver.clock import DAY_NS
from receiver.errors import Busy, Damaged, Unavailable
from receiver.index.conflict import patient
from receiver.index.elastic import ElasticIndex
from receiver.index.port import Filed
from receiver.index.query import Query
from receiver.journal.table import REUSED
from receiver.row import Draft
from tests.contracts.entries import NOON_NS, PARTITION, entry, event_id
from tests.receiver.index.elastic_server import Namespace, namespace

EARLIER = "2026.10"
EARLY_NS = NOON_NS - 30 * DAY_NS


class Receiver:
    """One receiver's writing end of the shared index, and what it set aside."""

    def __init__(self, shared: Namespace, log: str) -> None:
        self.log = log
        self.aside: list[Draft] = []
        self.index = ElasticIndex(shared.client, shared.name, set_aside=self.aside.extend)
        self._shared = shared

    def filed(self, digest: bytes = b"same", partition: str = PARTITION, **fields: Any) -> Filed:
        """Event 1 as this receiver journalled it."""
        number = Integrity(log=self.log, index=7)
        return Filed(partition, entry(1, **{"integrity": number, **fields}), digest)

    def put(self, digest: bytes = b"same", partition: str = PARTITION, **fields: Any) -> None:
        self.index.put(self.log, [self.filed(digest, partition, **fields)], cursor=1)

    def found(self) -> list[str | None]:
        """What every reader finds of event 1, by the reason it says."""
        self._shared.refresh()
        return [each.reason for each in self.index.search(Query()).entries]

    def said_aside(self) -> list[dict[str, Any]]:
        """What was set aside, as it will stand in the journal."""
        assert {(each.kind, each.event_id) for each in self.aside} <= {("quarantined", event_id(1))}
        return [orjson.loads(each.values) for each in self.aside]


@pytest.fixture
def shared(elasticsearch_url: str) -> Iterator[Namespace]:
    with namespace(elasticsearch_url) as fresh:
        yield fresh


@pytest.fixture
def one(shared: Namespace) -> Receiver:
    return Receiver(shared, "otel-audit/one")


@pytest.fixture
def two(shared: Namespace) -> Receiver:
    return Receiver(shared, "otel-audit/two")


def test_a_repeat_at_another_receiver_is_one_entry(one: Receiver, two: Receiver) -> None:
    """The same event to both, again and again: the first document stands, and nothing is set aside."""
    one.put(reason="first")
    two.put(reason="first")
    two.put(reason="first")
    one.put(reason="first")
    assert one.found() == ["first"]
    assert one.aside == two.aside == []


def test_a_different_event_of_one_id_is_set_aside(one: Receiver, two: Receiver) -> None:
    """The first stands unchanged; the later one is kept with all it said, and with where the other is logged."""
    one.put(b"a", reason="first")
    two.put(b"b", reason="second", user_id="u-1", span_name="x", seen=("span_name",))
    assert two.found() == ["first"]
    assert one.aside == []
    (kept,) = two.said_aside()
    assert (kept["reason"], kept["other"]) == (REUSED, {"log": "otel-audit/one", "index": 7})
    assert kept["said"] == {
        "event_id": event_id(1),
        "timestamp": entry(1).timestamp,
        "received_at": entry(1).received_at,
        "action": "inventory.update.success",
        "outcome": "success",
        "severity": "info",
        "tenant": "default",
        "reason": "second",
        "user_id": "u-1",
    }
    (draft,) = two.aside
    assert (draft.digest, orjson.loads(draft.seen)) == (b"b", {"span_name": "x"})


def test_the_same_id_in_another_partition_is_found(one: Receiver, two: Receiver) -> None:
    """Another time is another index, where the server sees no conflict; only one document stays."""
    one.put(b"a", reason="first", received_at=rfc3339(NOON_NS))
    two.put(b"b", EARLIER, reason="second", timestamp=rfc3339(EARLY_NS), received_at=rfc3339(NOON_NS + 1))
    assert one.found() == ["first"]
    assert [kept["said"]["reason"] for kept in two.said_aside()] == ["second"]


def test_whoever_sees_both_settles_it(one: Receiver, two: Receiver) -> None:
    """The receiver that indexes second may have received first: the other one's document is set aside then."""
    one.put(b"a", reason="received second", received_at=rfc3339(NOON_NS + 1))
    two.put(
        b"b", EARLIER, reason="received first", timestamp=rfc3339(EARLY_NS), received_at=rfc3339(NOON_NS), path="/x"
    )
    assert one.found() == ["received first"]
    (kept,) = two.said_aside()
    assert (kept["said"]["reason"], kept["other"]["log"]) == ("received second", "otel-audit/two")
    assert two.aside[0].digest == b"a"


def test_a_repeat_filed_elsewhere_goes(one: Receiver, two: Receiver) -> None:
    """An event a day ahead is an outlier for the first receiver and none for the one that hears of it later."""
    one.put(partition="outlier", received_at=rfc3339(NOON_NS))
    two.put(received_at=rfc3339(NOON_NS + DAY_NS))
    assert one.found() == [None]
    assert one.aside == two.aside == []


@pytest.mark.parametrize("done", [False, True], ids=["lost", "done-but-unanswered"])
@pytest.mark.parametrize("partition", [PARTITION, EARLIER])
def test_a_fault_while_setting_aside_loses_nothing(
    one: Receiver, two: Receiver, shared: Namespace, partition: str, done: bool
) -> None:
    """The cursor stays before what is not durably set aside; the next try does all of it."""
    aside: list[Draft] = []

    def failing(drafts: Any) -> None:
        if done:
            aside.extend(drafts)
        raise Unavailable("away")

    broken = ElasticIndex(shared.client, shared.name, set_aside=failing)
    one.put(b"a", reason="first")
    later = two.filed(b"b", partition, reason="second", received_at=rfc3339(NOON_NS + 2 * DAY_NS))
    with pytest.raises(Unavailable):
        broken.put(two.log, [later], cursor=1)
    assert broken.cursor(two.log) == 0
    two.index.put(two.log, [later], cursor=1)
    assert two.index.cursor(two.log) == 1
    assert two.found() == ["first"]
    assert {draft.digest for draft in (*aside, *two.aside)} == {b"b"}


def test_a_writer_without_a_place_for_conflicts_stops(one: Receiver, shared: Namespace) -> None:
    """Passing over one would be losing it."""
    one.put(b"a")
    alone = ElasticIndex(shared.client, shared.name)
    with pytest.raises(Damaged, match="different event"):
        alone.put("otel-audit/two", [one.filed(b"b")], cursor=1)
    assert alone.cursor("otel-audit/two") == 0


def test_a_full_place_for_conflicts_is_waited_for(one: Receiver, shared: Namespace) -> None:
    """The writer tries again, as when its server is away, and its cursor stands."""

    def full(_: object) -> None:
        raise Busy("too many wait", 7)

    one.put(b"a")
    waiting = ElasticIndex(shared.client, shared.name, set_aside=patient(full))
    with pytest.raises(Unavailable, match="too many wait") as raised:
        waiting.put("otel-audit/two", [one.filed(b"b")], cursor=1)
    assert raised.value.retry_after_s == 7
    assert waiting.cursor("otel-audit/two") == 0


def test_tenants_share_ids(one: Receiver, two: Receiver) -> None:
    """The same id of another tenant is another event."""
    one.put(b"a")
    two.put(b"b", tenant="acme")
    assert one.aside == two.aside == []
    assert two.index.get("acme", event_id(1)) is not None


def test_a_document_with_the_core_alone_is_compared_too(one: Receiver, two: Receiver, shared: Namespace) -> None:
    """One that the server refused in full carries the digest beside its exact text."""
    one.index.prepare([])
    shared.client.cluster.put_component_template(
        name=f"{shared.template}@custom",
        template={"mappings": {"properties": {"url": {"properties": {"path": {"type": "long"}}}}}},
    )
    one.put(b"a", path="/no/number")
    one.put(b"a", path="/no/number")
    two.put(b"a", path="/no/number")
    assert one.aside == two.aside == []
    two.put(b"b", path="/no/number")
    assert [kept["other"]["log"] for kept in two.said_aside()] == ["otel-audit/one"]


def test_a_trace_tells_only_its_own_entry(one: Receiver, two: Receiver, shared: Namespace) -> None:
    """What the span of a set-aside entry shows is not written into the one that stands."""
    one.put(b"a", span_id="a" * 16)
    two.put(b"b", span_id="b" * 16)
    assert two.index.amend(PARTITION, "default", event_id(1), {"path": "/two"}, "b" * 16)
    assert two.index.amend(PARTITION, "default", event_id(1), {"path": "/one"}, "a" * 16)
    shared.refresh()
    found = one.index.get("default", event_id(1))
    assert found is not None
    assert found.path == "/one"


@pytest.fixture
def searches(shared: Namespace, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often other receivers' documents were looked for."""
    asked = []
    search = shared.client.search

    def counting(**request: Any) -> Any:
        asked.append(request["index"])
        return search(**request)

    monkeypatch.setattr(shared.client, "search", counting)
    return lambda: sum(each.startswith("logs-") for each in asked)


def test_a_receiver_alone_looks_for_nothing(one: Receiver, two: Receiver, searches: Callable[[], int]) -> None:
    """Only where another one has announced itself does a put cost a search."""
    one.put()
    one.put()
    assert searches() == 0
    two.put()
    one.put()
    assert searches() == 2
