"""The index in a real Elasticsearch keeps the promises, and its documents are as documented."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from otel_audit.canonical import canonical
from otel_audit.entry import Integrity
from receiver.config import Index, Settings
from receiver.elastic import connect
from receiver.errors import Damaged, Unavailable
from receiver.index import template
from receiver.index.amendment import amended
from receiver.index.elastic import ElasticIndex
from receiver.index.open import open_index
from receiver.index.port import Filed
from receiver.index.query import Query
from receiver.refused import Refusal
from tests.contracts.entries import ODD, PARTITION, entry, event_id, filed
from tests.contracts.entry_index import LOG, NUMERIC, EntryIndexContract, ids
from tests.receiver.index.elastic_server import Namespace, namespace


@pytest.fixture(scope="module")
def shared(elasticsearch_url: str) -> Iterator[Namespace]:
    with namespace(elasticsearch_url) as fresh:
        yield fresh


@pytest.fixture
def index(shared: Namespace) -> ElasticIndex:
    shared.clear()
    return ElasticIndex(shared.client, shared.name, numeric=NUMERIC)


class TestElasticIndex(EntryIndexContract):
    """On the ``index`` above, emptied before each test."""

    @contextmanager
    def settled(self, index: ElasticIndex) -> Iterator[None]:
        yield
        index._client.indices.refresh(index="logs-audit.events-*", allow_no_indices=True)


@pytest.fixture
def fresh(elasticsearch_url: str) -> Iterator[Namespace]:
    """A namespace in which nothing has happened yet."""
    with namespace(elasticsearch_url) as made:
        yield made


@pytest.fixture
def stock_template(fresh: Namespace) -> Iterator[str]:
    """A template as the server's own ``logs``: data streams of lower priority for every name like ours."""
    name = f"stock-{fresh.name}"
    fresh.client.indices.put_index_template(
        name=name, index_patterns=[f"logs-*-{fresh.name}*"], data_stream={}, priority=100
    )
    yield name
    fresh.client.options(ignore_status=[400, 404]).indices.delete_index_template(name=name)


# -- documents ------------------------------------------------------------------------------------------------


def test_the_documents_carry_the_names_of_ecs(fresh: Namespace) -> None:
    """A search by the documented names, straight on the server, finds the entry."""
    put = entry(1, **ODD["everything"])
    ElasticIndex(fresh.client, fresh.name).put(LOG, filed(put), cursor=1)
    questions: list[dict[str, Any]] = [
        {"term": {"event.action": "inventory.update.success"}},
        {"term": {"event.category": "database"}},
        {"term": {"event.dataset": "audit.events"}},
        {"term": {"user.id": "u-1"}},
        {"term": {"related.user": "ann@example.com"}},
        {"term": {"source.ip": "203.0.113.0/24"}},
        {"term": {"client.ip": "203.0.113.9"}},
        {"term": {"related.ip": "203.0.113.9"}},
        {"term": {"trace.id": put.trace_id}},
        {"term": {"audit.resource.id": "sku-7"}},
        {"term": {"audit.previous_state.stock": "50"}},
        {"term": {"audit.new_state": "A"}},
        {"term": {"audit.changed_fields": "stock"}},
        {"term": {"audit.metadata.currency": "EUR"}},
        {"range": {"audit.amount": {"gt": 12.4, "lt": 12.6}}},
        {"term": {"audit.currency": "EUR"}},
        {"range": {"event.duration": {"gte": 12_345_678, "lt": 12_345_679}}},
        {"range": {"http.response.status_code": {"gte": 200, "lt": 300}}},
        {"range": {"@timestamp": {"gte": put.timestamp, "lte": put.timestamp}}},
        {"term": {"audit.integrity.log": "otel-audit/0123456789ab"}},
        {"term": {"event.sequence": 7}},
        {"match_phrase": {"message": "stock from 50 to 35"}},
    ]
    missed = [each for each in questions if fresh.count(each) != 1]
    assert missed == []


def test_where_the_documents_are(fresh: Namespace) -> None:
    """Partitions are indices named by namespace, tenant and partition, and an entry's document has the event's id."""
    index = ElasticIndex(fresh.client, fresh.name)
    index.put(LOG, [*filed(entry(1)), Filed("outlier", entry(2)), *filed(entry(3, tenant="acme"))], cursor=3)
    places = {f"logs-audit.events-{fresh.name}{rest}" for rest in ("-2026.11", "-outlier", ".acme-2026.11")}
    assert set(fresh.client.indices.get(index=f"{fresh.template}*")) == places
    found = fresh.client.get(index=f"{fresh.template}-2026.11", id=event_id(1))
    assert found["_source"]["event"]["id"] == event_id(1)


def test_the_cursor_is_a_document_of_its_own(fresh: Namespace) -> None:
    """One document for each log says how far it is indexed."""
    ElasticIndex(fresh.client, fresh.name).put(LOG, [], cursor=17)
    found = fresh.client.get(index=f"audit-cursors-{fresh.name}", id=f"entries-{LOG}")
    assert found["_source"] == {"log": LOG, "cursor": 17}


@pytest.mark.parametrize("name", ODD)
def test_amending_changes_nothing_else(shared: Namespace, index: ElasticIndex, name: str) -> None:
    """However odd an entry is, the server's merging of an amendment leaves all that was there as it was."""
    put = entry(1, **ODD[name] | {"span_name": None, "seen": ()})
    index.put(LOG, filed(put), cursor=1)
    assert index.amend(PARTITION, "default", event_id(1), {"span_name": "GET /"})
    shared.refresh()
    back = index.get("default", event_id(1))
    assert back is not None
    assert canonical(back.model_dump()) == canonical(amended(put, {"span_name": "GET /"}).model_dump())


@pytest.fixture
def strict(fresh: Namespace) -> ElasticIndex:
    """An index whose owner made the server refuse every text in ``url.path`` that is no number."""
    index = ElasticIndex(fresh.client, fresh.name)
    index.prepare([])
    fresh.client.cluster.put_component_template(
        name=f"{fresh.template}@custom",
        template={"mappings": {"properties": {"url": {"properties": {"path": {"type": "long"}}}}}},
    )
    return index


def test_a_refused_document_is_stored_in_its_minimal_form(fresh: Namespace, strict: ElasticIndex) -> None:
    """What the server will not take as it is, it takes as text: the entry is there, whole, and so are the others."""
    odd, plain = entry(1, path="/no/number", reason="kept", trace_id="a" * 32), entry(2, path="7")
    strict.put(LOG, filed(odd, plain), cursor=2)
    assert strict.search(Query()).entries == (plain, odd)
    assert ids(strict, Query(trace_id="a" * 32)) == [event_id(1)]
    assert strict.amend(PARTITION, "default", event_id(1), {"status_code": 200, "span_name": "x"})
    assert strict.amend(PARTITION, "default", event_id(1), {"span_kind": "server"})
    fresh.refresh()
    amended_entry = strict.get("default", event_id(1))
    assert amended_entry is not None
    assert amended_entry.seen == ("status_code", "span_name", "span_kind")
    assert (amended_entry.reason, amended_entry.span_name) == ("kept", "x")


@pytest.fixture
def poisoned(fresh: Namespace) -> Namespace:
    """A server that takes no trace id which is no number: not in the minimal form either."""
    ElasticIndex(fresh.client, fresh.name).prepare([])
    fresh.client.cluster.put_component_template(
        name=f"{fresh.template}@custom",
        template={"mappings": {"properties": {"trace": {"properties": {"id": NUMBER}}}}},
    )
    return fresh


NUMBER = {"type": "long"}
POISON = entry(2, trace_id="a" * 32, reason="poison")


def test_one_entry_the_server_never_takes_holds_up_no_other(poisoned: Namespace) -> None:
    """Refused in its minimal form too, it is kept aside with the reason before the cursor moves; the others stand."""
    kept: list[Refusal] = []
    cursors = []

    def keep(refusals: Sequence[Refusal]) -> None:
        kept.extend(refusals)
        cursors.append(index.cursor(LOG))

    index = ElasticIndex(poisoned.client, poisoned.name, refuse=keep)
    index.put(LOG, [Filed(PARTITION, each, seq=n) for n, each in enumerate((entry(1), POISON, entry(3)))], cursor=9)
    [refusal] = kept
    assert (refusal.seq, refusal.tenant, orjson.loads(refusal.entry)["event_id"]) == (1, "default", event_id(2))
    assert "long" in refusal.reason
    assert orjson.loads(refusal.entry)["reason"] == "poison"
    assert (cursors, index.cursor(LOG)) == ([0], 9)
    assert ids(index, Query()) == [event_id(3), event_id(1)]


def test_without_room_for_it_nothing_is_passed_over(poisoned: Namespace) -> None:
    """Where a refused entry cannot be kept the cursor stays before it."""

    def full(_: Sequence[Refusal]) -> None:
        raise Unavailable("full")

    index = ElasticIndex(poisoned.client, poisoned.name, refuse=full)
    with pytest.raises(Unavailable, match="full"):
        index.put(LOG, filed(entry(1), POISON), cursor=2)
    assert index.cursor(LOG) == 0
    nowhere = ElasticIndex(poisoned.client, poisoned.name)
    with pytest.raises(Damaged, match="refuses"):
        nowhere.put(LOG, filed(POISON), cursor=2)


def test_a_closed_partition_is_waited_for(fresh: Namespace) -> None:
    """That an index is closed says nothing against a document."""
    index = ElasticIndex(fresh.client, fresh.name)
    index.put(LOG, filed(entry(1)), cursor=1)
    fresh.client.indices.close(index=f"{fresh.template}-{PARTITION}")
    with pytest.raises(Unavailable, match="closed"):
        index.put(LOG, filed(entry(2)), cursor=2)
    fresh.client.indices.open(index=f"{fresh.template}-{PARTITION}", wait_for_active_shards=1)
    index.put(LOG, filed(entry(2)), cursor=2)
    assert ids(index, Query()) == [event_id(2), event_id(1)]


def test_one_item_that_spoils_a_whole_request_is_found(fresh: Namespace) -> None:
    """An id no server takes refuses the bulk as a whole: its neighbours are created all the same."""
    kept: list[Refusal] = []
    index = ElasticIndex(fresh.client, fresh.name, refuse=kept.extend)
    index.put(LOG, filed(entry(1), entry(2, event_id="x" * 600), entry(3)), cursor=3)
    assert [orjson.loads(each.entry)["event_id"] for each in kept] == ["x" * 600]
    assert ids(index, Query()) == [event_id(3), event_id(1)]


# -- restoring ------------------------------------------------------------------------------------------------


def test_a_partition_of_an_older_mapping_is_brought_up(fresh: Namespace) -> None:
    """What an older version filed is found by what the present one searches for, once it is restored."""
    number = Integrity(log=LOG, index=0)
    index = ElasticIndex(fresh.client, fresh.name, numeric=NUMERIC)
    index.prepare([])
    older = f"{fresh.template}-{PARTITION}"
    fresh.client.cluster.put_component_template(name=f"{fresh.template}@mappings", template={"mappings": OLDER})
    index.put(LOG, filed(entry(1, integrity=number, user_id="u-1")), cursor=1)
    assert ids(index, Query(user_id="u-1")) == []
    fresh.client.cluster.put_component_template(name=f"{fresh.template}@mappings", **template.mappings_component())
    index.restore(LOG, filed(entry(1, integrity=number, user_id="u-1")))
    fresh.client.indices.refresh(index=older)
    assert ids(index, Query(user_id="u-1")) == [event_id(1)]


OLDER: dict[str, Any] = {
    "dynamic": False,
    "properties": {"@timestamp": {"type": "date_nanos"}, "event": {"properties": {"id": {"type": "keyword"}}}},
}


def test_a_partition_that_was_deleted_is_restored_under_a_running_writer(fresh: Namespace) -> None:
    """It is a plain index of ours again, with its mapping, before anything is written into it."""
    number = Integrity(log=LOG, index=0)
    index = ElasticIndex(fresh.client, fresh.name)
    both = filed(entry(1, integrity=number), entry(2, integrity=number, user_id="u-1"))
    index.put(LOG, both, cursor=2)
    assert index.restore(LOG, both) == []
    fresh.client.indices.delete(index=f"{fresh.template}-{PARTITION}")
    assert index.restore(LOG, both) == both
    assert ids(index, Query(user_id="u-1")) == [event_id(2)]


def test_a_document_somebody_spoiled_is_replaced(fresh: Namespace) -> None:
    """One that is no entry any more is written anew from the journal."""
    good = entry(1, integrity=Integrity(log=LOG, index=0))
    index = ElasticIndex(fresh.client, fresh.name)
    index.put(LOG, filed(good), cursor=1)
    place = {"index": f"{fresh.template}-{PARTITION}", "id": event_id(1)}
    fresh.client.index(**place, document={"reason": "nobody knows"})
    index.restore(LOG, filed(good))
    fresh.refresh()
    assert index.get("default", event_id(1)) == good


def test_an_amendment_between_reading_and_writing_is_kept(fresh: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a document meanwhile is read again."""
    good = entry(1, integrity=Integrity(log=LOG, index=0))
    index = ElasticIndex(fresh.client, fresh.name)
    index.put(LOG, filed(good), cursor=1)
    other = ElasticIndex(fresh.client, fresh.name)
    put_over = index._put_over
    amended_fields = iter([{"path": "/first"}, {"span_name": "second"}])

    def late(log: str, standing: Any) -> list[Filed]:
        if (fields := next(amended_fields, None)) is not None:
            other.amend(PARTITION, "default", event_id(1), fields)
        return put_over(log, standing)

    monkeypatch.setattr(index, "_put_over", late)
    index.restore(LOG, filed(good))
    fresh.refresh()
    found = index.get("default", event_id(1))
    assert found is not None
    assert (found.path, found.span_name) == ("/first", "second")


def test_a_mapping_that_cannot_become_ours_is_damage(fresh: Namespace) -> None:
    """Told with what to do: the partition is deleted, and made anew."""
    index = ElasticIndex(fresh.client, fresh.name)
    index.prepare([])
    fresh.client.indices.create(
        index=f"{fresh.template}-{PARTITION}", mappings={"properties": {"user": {"properties": {"id": NUMBER}}}}
    )
    with pytest.raises(Damaged, match=f"{PARTITION} has a mapping.*delete that index"):
        index.restore(LOG, filed(entry(1)))
    fresh.client.indices.delete(index=f"{fresh.template}-{PARTITION}")
    assert len(index.restore(LOG, filed(entry(1)))) == 1


# -- templates and partitions ---------------------------------------------------------------------------------


def test_partitions_are_plain_indices_beside_the_stock_template(fresh: Namespace, stock_template: str) -> None:
    """Where the server would make data streams of our names, the partitions are plain indices all the same."""
    index = ElasticIndex(fresh.client, fresh.name)
    index.put(LOG, filed(entry(1), entry(2, tenant="acme")), cursor=2)
    found = fresh.client.indices.resolve_index(name=f"{fresh.template}*")
    names = [f"{fresh.template}-2026.11", f"{fresh.template}.acme-2026.11"]
    assert sorted(each["name"] for each in found["indices"]) == names
    assert found["data_streams"] == []


@pytest.mark.parametrize("when", ["before the first start", "after it"])
def test_a_data_stream_in_our_place_is_damage(fresh: Namespace, when: str) -> None:
    """A data stream of a partition's name is refused with the command that removes it, and nothing is written."""
    name = f"{fresh.template}-2026.11"
    index = ElasticIndex(fresh.client, fresh.name)
    if when == "after it":
        index.prepare([])
        fresh.client.indices.delete_index_template(name=fresh.template)
    fresh.client.indices.put_index_template(
        name=f"stream-{fresh.name}", index_patterns=[f"{name}*"], data_stream={}, priority=900
    )
    fresh.client.index(index=name, op_type="create", id="early", document={"@timestamp": "2026-11-23T00:00:00Z"})
    with pytest.raises(Damaged, match=f"DELETE /_data_stream/{name}"):
        index.put(LOG, filed(entry(1)), cursor=1)
    assert index.cursor(LOG) == 0


def test_the_partitions_of_known_tenants_are_prepared(fresh: Namespace) -> None:
    """Every tenant of the settings has its partitions before its first entry."""
    ElasticIndex(fresh.client, fresh.name, ["acme", "default"]).prepare(["2026.11", "2026.12"])
    expected = {f"{fresh.template}{owner}-{each}" for owner in ("", ".acme") for each in ("2026.11", "2026.12")}
    assert set(fresh.client.indices.get(index=f"{fresh.template}*")) == expected


def test_the_users_own_template_part_is_left_alone(fresh: Namespace) -> None:
    """What the owner writes into ``@custom`` stays, before and after the first start, and wins."""
    custom = {"settings": {"index": {"number_of_replicas": "0"}}}
    fresh.client.cluster.put_component_template(name=f"{fresh.template}@custom", template=custom)
    ElasticIndex(fresh.client, fresh.name).prepare([PARTITION])
    found = fresh.client.cluster.get_component_template(name=f"{fresh.template}@custom")
    assert found["component_templates"][0]["component_template"]["template"] == custom
    settings = fresh.client.indices.get_settings(index=f"{fresh.template}-{PARTITION}")
    index_settings = settings[f"{fresh.template}-{PARTITION}"]["settings"]["index"]
    assert (index_settings["number_of_replicas"], index_settings["codec"]) == ("0", "best_compression")


def test_a_newer_template_is_not_written_under(fresh: Namespace) -> None:
    """A process older than the template it meets stops instead of writing documents of an older shape."""
    ElasticIndex(fresh.client, fresh.name).prepare([])
    newer = template.index_template(fresh.name) | {"version": template.VERSION + 1}
    newer.pop("_meta")
    fresh.client.indices.put_index_template(name=fresh.template, **newer)
    with pytest.raises(Damaged, match="newer version"):
        ElasticIndex(fresh.client, fresh.name).put(LOG, filed(entry(1)), cursor=1)
    assert not fresh.client.indices.exists(index=f"{fresh.template}-{PARTITION}")


def test_an_older_template_is_brought_up(fresh: Namespace) -> None:
    """A template of an earlier version is replaced by ours."""
    older = template.index_template(fresh.name) | {"version": 0, "composed_of": []}
    older.pop("_meta")
    fresh.client.indices.put_index_template(name=fresh.template, **older)
    ElasticIndex(fresh.client, fresh.name).prepare([])
    found = fresh.client.indices.get_index_template(name=fresh.template)["index_templates"][0]["index_template"]
    assert (found["version"], len(found["composed_of"])) == (template.VERSION, 3)


def test_two_namespaces_do_not_meet(fresh: Namespace, elasticsearch_url: str) -> None:
    """Receivers with namespaces of their own share a server without seeing each other's entries or cursors."""
    with namespace(elasticsearch_url) as other:
        here, there = ElasticIndex(fresh.client, fresh.name), ElasticIndex(other.client, other.name)
        here.put(LOG, filed(entry(1)), cursor=1)
        there.put(LOG, filed(entry(2)), cursor=5)
        assert (ids(here, Query()), ids(there, Query())) == ([event_id(1)], [event_id(2)])
        assert (here.cursor(LOG), there.cursor(LOG)) == (1, 5)


def test_a_partition_taken_away_is_made_again(fresh: Namespace) -> None:
    """A partition deleted under a running writer comes back as a plain index of ours at the next put."""
    index = ElasticIndex(fresh.client, fresh.name)
    index.put(LOG, filed(entry(1)), cursor=1)
    fresh.client.indices.delete(index=f"{fresh.template}-{PARTITION}")
    index.put(LOG, filed(entry(2)), cursor=2)
    assert ids(index, Query(resource_id=None)) == [event_id(2)]


def test_a_server_that_is_away_is_unavailable(free_tcp_port: int) -> None:
    """Every call says Unavailable, none of them anything else, while nobody answers."""
    index = ElasticIndex(connect(Index(url=f"http://127.0.0.1:{free_tcp_port}", timeout_s=1)), "default")
    calls = (
        lambda: index.prepare([PARTITION]),
        lambda: index.put(LOG, filed(entry(1)), 1),
        lambda: index.cursor(LOG),
        lambda: index.amend(PARTITION, "default", event_id(1), {"path": "/"}),
        lambda: index.get("default", event_id(1)),
        lambda: index.search(Query()),
    )
    for call in calls:
        with pytest.raises(Unavailable):
            call()
    index.close()


def test_the_address_in_the_settings_is_opened(fresh: Namespace, tmp_path: Path) -> None:
    """With an address in ``index.url`` entries go to that server, and to the settings' namespace."""
    index = open_index(Settings(data_dir=tmp_path, index=fresh.settings), write=True)
    index.put(LOG, filed(entry(1)), cursor=1)
    index.close()
    assert fresh.count({"term": {"event.id": event_id(1)}}) == 1
