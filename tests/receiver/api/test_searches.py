"""Filters into states and numbers, facets, and the named searches."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from otel_audit.canonical import rfc3339
from receiver.api.app import create_app
from receiver.clock import now_ns
from receiver.config import Index, Settings
from receiver.correlate.searches import HOUR_NS, SEARCHES
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver

PATH = "/api/v1/entries"


@pytest.fixture
def weighing(receiver: Receiver) -> Iterator[TestClient]:
    """An API that knows ``weight`` as a number."""
    settings = Settings(data_dir=receiver.data_dir, index=Index(numeric_metadata=("weight",)))
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def ids(api: TestClient, path: str = PATH, **asked: object) -> list[str]:
    answer = api.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return [each["event_id"] for each in answer.json()["entries"]]


def test_amounts_and_leaves_are_filters(receiver: Receiver, api: TestClient):
    """Bounds of money, and any place in the states and the metadata; several hold at once."""
    receiver.store(
        entry(1, new_state={"status": "refunded", "customer": {"tier": "gold"}, "refund_amount": 12.5}),
        entry(2, new_state={"status": "refunded"}, metadata={"amount": 90, "order_id": "o-1"}),
        entry(3, previous_state={"status": "refunded"}),
    )
    assert ids(api, **{"new_state.status": "refunded"}) == [event_id(2), event_id(1)]
    assert ids(api, **{"new_state.status": "refunded", "new_state.customer.tier": "gold"}) == [event_id(1)]
    assert ids(api, **{"previous_state.status": "refunded"}) == [event_id(3)]
    assert ids(api, **{"metadata.order_id": "o-1"}) == [event_id(2)]
    assert ids(api, amount_min="12.5") == [event_id(2), event_id(1)]
    assert ids(api, amount_min="10", amount_max="50") == [event_id(1)]
    assert ids(api, action="inventory.update.success,nothing.*", amount_max=50) == [event_id(1)]


def test_numbers_in_metadata_are_bounded_where_the_settings_say_so(receiver: Receiver, weighing: TestClient):
    """Any other key is named as a fault, and so is a place that merely ends in ``min``."""
    receiver.store(entry(1, metadata={"weight": 5}))
    answer = weighing.get(PATH, params={"metadata.size.min": "1", "metadata.weight.max": "x", "metadata.": "y"})
    assert answer.json()["errors"] == [
        {"name": "metadata.size.min", "reason": "its key is not among index.numeric_metadata"},
        {"name": "metadata.weight.max", "reason": "must be a number, such as 12.5"},
        {"name": "metadata.", "reason": "is not a filter"},
    ]
    assert weighing.get(PATH, params={"metadata.weight.min": "1"}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"amount_min": "5", "amount_max": "4.9"}, "amount_max"),
        ({"amount_min": "NaN"}, "amount_min"),
        ({"amount_min": "inf"}, "amount_min"),
        ({"amount_min": "1e5"}, "amount_min"),
        ({"new_state": "x"}, "new_state"),
        ({"new_state.": "x"}, "new_state."),
        ({"other.status": "x"}, "other.status"),
        ({"new_state.status": ""}, "new_state.status"),
        ({"action": "a,,b"}, "action"),
    ],
)
def test_wrong_filters_are_named(api: TestClient, asked: dict[str, str], name: str):
    """What cannot be meant is not guessed at."""
    answer = api.get(PATH, params=asked)
    assert answer.status_code == 400
    assert [each["name"] for each in answer.json()["errors"]] == [name]


def test_a_cursor_belongs_to_its_leaves(receiver: Receiver, api: TestClient):
    """As to every other filter."""
    receiver.store(*(entry(n, metadata={"a": "x"}) for n in (1, 2)))
    first = api.get(PATH, params={"metadata.a": "x", "limit": 1}).json()
    assert ids(api, **{"metadata.a": "x", "cursor": first["next_cursor"]}) == [event_id(1)]
    assert api.get(PATH, params={"metadata.a": "y", "cursor": first["next_cursor"]}).status_code == 400


def test_facets_count_what_matches(receiver: Receiver, api: TestClient):
    """By the names under which the same values can be filtered."""
    receiver.store(
        entry(1, user_id="ann", service_name="pay", ip_address="::1", outcome="failure"),
        entry(2, user_id="ann", service_name="pay"),
        entry(3, user_id="bob", service_name="ship"),
    )
    answer = api.get("/api/v1/facets", params={"user_id": "ann"}).json()
    assert answer["facets"]["service"] == [{"value": "pay", "count": 2}]
    assert answer["facets"]["outcome"] == [{"value": "failure", "count": 1}, {"value": "success", "count": 1}]
    assert answer["facets"]["ip_address"] == [{"value": "::1", "count": 1}]
    assert (set(answer["facets"]), answer["exact"]) == ({"action", "service", "outcome", "user_id", "ip_address"}, True)
    assert {"as_of", "warnings"} <= answer.keys()
    assert api.get("/api/v1/facets", params={"colour": "red"}).status_code == 400


# -- named searches


def hours_ago(hours: float) -> dict[str, str]:
    return {"timestamp": rfc3339(now_ns() - int(hours * HOUR_NS))}


def test_the_named_searches_find_what_they_are_named_for(receiver: Receiver, api: TestClient):
    """Each in one call."""
    receiver.store(
        entry(1, severity="critical", **hours_ago(1)),
        entry(2, severity="critical", **hours_ago(25)),
        entry(3, action="user.login.failed", ip_address="203.0.113.7", **hours_ago(2)),
        entry(4, action="user.login.failed", ip_address="203.0.113.8", **hours_ago(2)),
        entry(5, resource_type="product", resource_id="p-1", new_state={"price": 1}),
        entry(6, action="user.role.assign.success"),
        entry(7, action="api_key.revoke.success"),
        entry(8, action="order.refund.processed", metadata={"amount": "99.90"}),
        entry(9, action="payment.refund.processed", metadata={"amount": 10}),
        entry(10, action="payment.capture.success", user_id="ann", ip_address="::1", session_id="s", user_agent="x"),
    )

    def found(name: str, **asked: object) -> set[str]:
        return set(ids(api, f"/api/v1/searches/{name}", **asked))

    assert found("recent-critical") == {event_id(1)}
    assert found("recent-critical", **{"from": "2020-01-01"}) == {event_id(1), event_id(2)}
    assert found("failed-logins") == {event_id(3), event_id(4)}
    assert found("failed-logins", ip_address="203.0.113.7") == {event_id(3)}
    assert found("resource-changes", resource_type="product", resource_id="p-1") == {event_id(5)}
    assert found("permission-changes") == {event_id(6), event_id(7)}
    assert found("refunds-above", amount_min=50) == {event_id(8)}
    assert found("customer-payments", user_id="ann") == {event_id(10)}


def test_a_named_search_goes_on_with_what_it_asked(receiver: Receiver, api: TestClient):
    """Its filters, the moment it looks back to among them, continue it by its name and at ``/entries``."""
    receiver.store(*(entry(n, severity="critical", **hours_ago(n)) for n in (1, 2, 3)))
    first = api.get("/api/v1/searches/recent-critical", params={"limit": 1}).json()
    assert (first["name"], first["filters"]["severity"]) == ("recent-critical", "critical")
    on = {**first["filters"], "cursor": first["next_cursor"]}
    assert ids(api, **on) == [event_id(2)]
    del on["severity"]
    assert ids(api, "/api/v1/searches/recent-critical", **on) == [event_id(2)]


def test_the_list_tells_how_to_ask(api: TestClient):
    """Every search, with what it needs; each can be asked with just that."""
    listed = {each["name"]: each for each in api.get("/api/v1/searches").json()["searches"]}
    assert listed.keys() == SEARCHES.keys()
    for name, each in listed.items():
        needed = dict.fromkeys(each["required"], "1")
        assert api.get(f"/api/v1/searches/{name}", params=needed).status_code == 200


def test_a_named_search_says_what_is_wrong(api: TestClient):
    """What is missing, what would make it another search, and what is no search."""
    missing = api.get("/api/v1/searches/resource-changes", params={"resource_type": "a"})
    assert missing.json()["errors"] == [{"name": "resource_id", "reason": "is needed"}]
    other = api.get("/api/v1/searches/failed-logins", params={"action": "*"})
    assert other.json()["errors"] == [{"name": "action", "reason": "is set by failed-logins"}]
    assert "recent-critical" in api.get("/api/v1/searches/nothing").json()["detail"]


def test_the_page_lists_the_named_searches() -> None:
    """With what each needs and takes, and no other."""
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for each in SEARCHES.values():
        needs, takes = (", ".join(f"`{name}`" for name in names) for names in (each.required, each.optional))
        assert re.search(rf"^\| `{each.name}` \| [^|]+ \| {needs} ?\| {takes} ?\|$", page, re.MULTILINE)
