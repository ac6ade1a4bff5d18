"""The API tells of every read before it answers."""

from collections.abc import Callable

from fastapi.testclient import TestClient

from receiver.correlate.reads import ACTION
from receiver.outbox import Outboxes
from receiver.row import Row, entry_of
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver

A = "a" * 32


def told(receiver: Receiver) -> list[tuple[str | None, dict[str, object]]]:
    """What lies in answer's outbox: of what, and by which filter and with how many found."""
    outboxes = Outboxes(receiver.data_dir)
    delivery = outboxes.delivery("answer") if "answer" in outboxes.processes() else None
    rows = [
        Row(1, "entry", each.tenant, each.event_id, 0, each.values, each.seen, False, each.received_ns)
        for each in (delivery.drafts if delivery else ())
    ]
    outboxes.close()
    return [(each.resource_type, each.metadata) for each in (entry_of(row, "log") for row in rows)]


def test_every_way_to_read_is_told(receiver: Receiver, api: TestClient):
    """With what was asked and how many entries were shown."""
    order = {"resource_type": "order", "resource_id": "o-1", "related": ("order:o-1",), "trace_id": A}
    receiver.store(entry(1, **order))
    one = event_id(1)
    asked: list[tuple[str, str, dict[str, object], int]] = [
        ("/entries?outcome=success", "search", {"outcome": "success"}, 1),
        (f"/entries/{one}", "entry", {"event_id": one}, 1),
        (f"/traces/{A}", "trace", {"trace_id": A}, 1),
        ("/resources/order/o-1/history", "history", {"resource_type": "order", "resource_id": "o-1"}, 1),
        ("/journeys/order/o-1", "journey", {"type": "order", "id": "o-1"}, 1),
        ("/facets?user_id=x", "facets", {"user_id": "x"}, 0),
        ("/entries?user_id=nobody", "search", {"user_id": "nobody"}, 0),
    ]
    for path, *_ in asked:
        assert api.get(f"/api/v1{path}").status_code == 200
    assert told(receiver) == [(what, {"filter": by, "found": count}) for _, what, by, count in asked]
    assert api.get("/api/v1/traces/" + "b" * 32).status_code == 404
    assert told(receiver)[-1] == ("trace", {"filter": {"trace_id": "b" * 32}, "found": 0})


def test_repeats_and_pages_and_wrong_questions_are_not_told_at_once(receiver: Receiver, api: TestClient):
    """One entry for a filter, however often it is asked; what is refused read nothing."""
    receiver.store(entry(1), entry(2))
    first = api.get("/api/v1/entries", params={"limit": 1}).json()
    api.get("/api/v1/entries", params={"limit": 1, "cursor": first["next_cursor"]})
    api.get("/api/v1/entries")
    api.get("/api/v1/entries", params={"colour": "red"})
    assert len(told(receiver)) == 1


def test_named_searches_are_told_by_their_name(receiver: Receiver, api: TestClient):
    """With the filters they stand for."""
    api.get("/api/v1/searches/customer-payments", params={"user_id": "u"})
    [(what, metadata)] = told(receiver)
    assert (what, metadata["filter"]) == (
        "search",
        {"search": "customer-payments", "action": "payment.*", "user_id": "u"},
    )


def test_reads_of_reads_are_not_told(receiver: Receiver, api: TestClient):
    """By search or by id."""
    receiver.store(entry(1, action=ACTION))
    assert len(api.get("/api/v1/entries", params={"action": "audit.entry.read.*"}).json()["entries"]) == 1
    assert api.get(f"/api/v1/entries/{event_id(1)}").status_code == 200
    assert told(receiver) == []


def test_who_read_stands_on_it(receiver: Receiver, api_with_tokens: Callable[[str | None], TestClient]):
    """The credential's name; in its tenant."""
    api_with_tokens("viewer").get("/api/v1/entries")
    outboxes = Outboxes(receiver.data_dir)
    delivery = outboxes.delivery("answer")
    outboxes.close()
    assert delivery is not None
    assert b'"user_id":"viewer"' in delivery.drafts[0].values


def test_what_cannot_be_told_is_not_answered(receiver: Receiver, api: TestClient):
    """503, so that nobody reads unseen while the disk is full."""
    receiver.store(entry(1))
    (receiver.data_dir / "outbox").write_text("in the way")
    assert api.get("/api/v1/entries").status_code == 503
