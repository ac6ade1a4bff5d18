"""``/journeys``: one matter over many traces."""

from fastapi.testclient import TestClient

from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver

A, B = "a" * 32, "b" * 32


def test_a_journey_is_one_timeline_of_several_traces(receiver: Receiver, api: TestClient):
    """Each trace with why it is linked, each step with the time since the last one; an id may hold slashes."""
    first = entry(1, trace_id=A, related=("cart:c",), service_name="storefront")
    last = entry(3, trace_id=B, related=("order:a/b", "cart:c"), service_name="order", outcome="failure")
    receiver.store(first, last)
    answer = api.get("/api/v1/journeys/order/a/b").json()
    assert (answer["type"], answer["id"]) == ("order", "a/b")
    assert [(each["trace_id"], each["services"], each["entries"]) for each in answer["traces"]] == [
        (A, ["storefront"], 1),
        (B, ["order"], 1),
    ]
    assert answer["traces"][0]["links"] == [{"why": "related", "key": "cart:c"}]
    assert [each["event_id"] for each in answer["timeline"]] == [event_id(1), event_id(3)]
    assert [each["gap_ms"] for each in answer["timeline"]] == [0, 2000]
    assert [each["event_id"] for each in answer["entries"]] == [event_id(1), event_id(3)]
    assert answer["abandoned"] == []
    assert {"as_of", "warnings"} <= answer.keys()


def test_an_abandoned_checkout_is_shown_and_not_stored(receiver: Receiver, api: TestClient):
    """It is a view of what is there."""
    receiver.store(entry(1, action="order.checkout.start.success", related=("order:1",)))
    [left] = api.get("/api/v1/journeys/order/1").json()["abandoned"]
    assert (left["event_id"], left["resumed"]) == (event_id(1), None)
    assert len(api.get("/api/v1/entries").json()["entries"]) == 1


def test_a_matter_nobody_named_is_not_found(receiver: Receiver, api: TestClient):
    """404, with up to when that is known."""
    answer = api.get("/api/v1/journeys/order/none")
    assert answer.status_code == 404
    assert "no entry of order none up to" in answer.json()["detail"]
