"""Search and one entry."""

import base64
import json

import pytest
from fastapi.testclient import TestClient

from otel_audit.canonical import rfc3339
from receiver.api.params import SEARCH
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver

FULL = {
    "action": "user.login.failed",
    "outcome": "failure",
    "severity": "notice",
    "user_id": "u-1",
    "user_email": "ann@example.org",
    "resource_type": "user",
    "resource_id": "u-1",
    "service_name": "storefront",
    "ip_address": "203.0.113.7",
    "session_id": "s-1",
    "trace_id": "a" * 32,
    "span_id": "b" * 16,
    "request_id": "r-1",
    "related": ("user:u-1",),
    "status_code": 401,
    "reason": "Wrong password",
}
MATCHING = {
    "action": "user.login.*",
    "user_id": "u-1",
    "user_email": "ann@example.org",
    "resource_type": "user",
    "resource_id": "u-1",
    "service": "storefront",
    "outcome": "failure",
    "severity": "notice",
    "ip_address": "203.0.113.7",
    "session_id": "s-1",
    "trace_id": "A" * 32,
    "request_id": "r-1",
    "related": "user:u-1",
    "status_code_min": "400",
    "from": "2026-11-23T12:00:01Z",
    "to": "2026-11-23T13:00:01+01:00",
    "time": "event",
    "q": "WRONG",
    "order": "asc",
    "limit": "1000",
}


def test_the_test_knows_every_filter():
    """A filter that is added is tried below."""
    assert MATCHING.keys() == SEARCH.keys()


@pytest.mark.parametrize("name", [name for name in MATCHING if name not in ("from", "to", "time", "order", "limit")])
def test_a_filter_finds_what_it_names(name: str, receiver: Receiver, api: TestClient):
    """One filter alone finds the one entry, and not the other."""
    receiver.store(entry(1, **FULL), entry(2))
    answer = api.get("/api/v1/entries", params={name: MATCHING[name]}).json()
    assert [each["event_id"] for each in answer["entries"]] == [event_id(1)]
    assert answer["total"] == {"value": 1, "exact": True}


def test_times_bound_a_search(receiver: Receiver, api: TestClient):
    """``from`` is included, ``to`` is not; receipt can be meant instead."""
    receiver.store(*(entry(number) for number in range(4)))

    def found(**params: str) -> list[str]:
        return [each["event_id"][-1] for each in api.get("/api/v1/entries", params=params).json()["entries"]]

    assert found(**{"from": "2026-11-23T12:00:01Z", "to": "2026-11-23T12:00:03Z"}) == ["2", "1"]
    assert found(**{"from": "2026-11-23T12:01:02Z", "time": "received", "order": "asc"}) == ["2", "3"]


def test_pages_neither_skip_nor_repeat(receiver: Receiver, api: TestClient):
    """Following ``next_cursor`` gives every entry once, newest first."""
    receiver.store(*(entry(number) for number in range(7)))
    found, cursor = [], None
    while True:
        params = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        answer = api.get("/api/v1/entries", params=params).json()
        found += [each["event_id"] for each in answer["entries"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert found == [event_id(number) for number in reversed(range(7))]


def test_an_entry_is_shown_whole(receiver: Receiver, api: TestClient):
    """Flat, with its sentence, its changes, its place in the log, and null for what nobody said."""
    receiver.store(entry(1, **FULL, previous_state={"a": 1}, new_state={"a": 2}))
    shown = api.get(f"/api/v1/entries/{event_id(1).upper()}").json()
    assert shown.items() >= {**FULL, "related": ["user:u-1"], "duration_ms": None, "anomalies": []}.items()
    assert shown["changes"] == [{"op": "replace", "path": "/a", "value": 2}]
    assert "u-1" in shown["message"]
    assert shown["integrity"] == {"log": receiver.reader.log, "index": 0}
    assert shown["timestamp"] == "2026-11-23T12:00:01.000000000Z"


def test_every_problem_of_a_search_is_named(api: TestClient):
    """Nobody asks five times to learn of five mistakes."""
    wrong = {
        "colour": "red",
        "from": "yesterday",
        "to": "2026-13-01",
        "limit": "1001",
        "outcome": "maybe",
        "severity": "fatal",
        "trace_id": "xyz",
        "status_code_min": "-1",
        "time": "seen",
        "order": "up",
        "q": "…",
        "user_id": "",
    }
    answer = api.get("/api/v1/entries", params=wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert {error["name"] for error in answer.json()["errors"]} == wrong.keys()


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "nonsense"},
        {"cursor": "WzEsMl0"},
        {"limit": "x"},
        {"from": "2026-11-23T12:00:00Z", "to": "2026-11-22T12:00:00Z"},
        {"from": "1926-11-23", "to": "2026-11-23"},
        {"from": "2400-01-01T00:00:00Z"},
        {"from": "9999-12-31T23:59:59-14:00"},
        {"from": "2026-11-23T12:00:00"},
        {"from": "2026-11-31T12:00:00Z"},
        {"from": "2026-11-23T12:00:00.1234567890Z"},
        [("user_id", "a"), ("user_id", "b")],
    ],
)
def test_a_wrong_parameter_is_refused(params: object, api: TestClient):
    """400, with the reason."""
    answer = api.get("/api/v1/entries", params=params)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_a_cursor_belongs_to_its_query(receiver: Receiver, api: TestClient):
    """Used with another filter it is refused; with another page size it is fine."""
    receiver.store(*(entry(number) for number in range(3)))
    cursor = api.get("/api/v1/entries", params={"limit": "1"}).json()["next_cursor"]
    assert api.get("/api/v1/entries", params={"cursor": cursor, "outcome": "failure"}).status_code == 400
    assert len(api.get("/api/v1/entries", params={"cursor": cursor, "limit": "2"}).json()["entries"]) == 2


@pytest.mark.parametrize("time_ns", [2**64 - 1, 2**70, 1e300, -5, 1.5, True, "1", None])
def test_a_cursor_that_was_changed_is_refused(time_ns: object, receiver: Receiver, api: TestClient):
    """What is no position is never handed to the index."""
    receiver.store(*(entry(number) for number in range(3)))
    cursor = api.get("/api/v1/entries", params={"limit": "1"}).json()["next_cursor"]
    _, *rest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    changed = base64.urlsafe_b64encode(json.dumps([time_ns, *rest]).encode()).decode()
    answer = api.get("/api/v1/entries", params={"cursor": changed})
    assert (answer.status_code, answer.json()["errors"][0]["name"]) == (400, "cursor")


def test_times_are_read_as_they_are_written(receiver: Receiver, api: TestClient):
    """A date alone is its first moment in UTC; a plus sign that nobody escaped is still one."""
    receiver.store(entry(1))

    def found(query: str) -> int:
        return len(api.get(f"/api/v1/entries?{query}").json()["entries"])

    assert (found("from=2026-11-23"), found("from=2026-11-24")) == (1, 0)
    assert (found("from=2026-11-23T13:00:01+01:00"), found("from=2026-11-23t12:00:02z")) == (1, 0)


@pytest.mark.parametrize("depth", [50, 240])
def test_a_deep_state_is_shown(depth: int, receiver: Receiver, api: TestClient):
    """One deep entry does not fail the page it is on."""
    before, after = 1, 2
    for _ in range(depth):
        before, after = {"a": before}, {"a": after}
    receiver.store(entry(1, previous_state=before, new_state=after))
    [shown] = api.get("/api/v1/entries").json()["entries"]
    assert shown["changes"] == [{"op": "replace", "path": "/a" * depth, "value": 2}]


def test_only_reading_is_offered(api: TestClient):
    """405 as a problem, with what is allowed."""
    answer = api.post("/api/v1/entries")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "status"), [(event_id(9), 404), ("42", 400)])
def test_an_entry_that_is_not_there(path: str, status: int, api: TestClient):
    """404 for an unknown id, 400 for what cannot be one; both are problems."""
    answer = api.get(f"/api/v1/entries/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_what_is_not_indexed_yet_is_warned_of(receiver: Receiver, api: TestClient, monkeypatch: pytest.MonkeyPatch):
    """``as_of`` stands at the receipt of the oldest entry that is not in the index."""
    receiver.store(entry(1))
    assert api.get("/api/v1/entries").json()["warnings"] == []
    receiver.accept(entry(2))
    waiting = receiver.reader.first_after(1)
    assert waiting is not None
    answer = api.get("/api/v1/entries").json()
    assert (len(answer["entries"]), answer["as_of"]) == (1, rfc3339(waiting.received_ns))
    monkeypatch.setattr("receiver.correlate.desk.LAG_TOLD_S", -1.0)
    assert any("behind" in warning for warning in api.get("/api/v1/entries").json()["warnings"])
    receiver.follow()
    caught_up = api.get("/api/v1/entries").json()
    assert (len(caught_up["entries"]), caught_up["warnings"]) == (2, [])
    assert caught_up["as_of"] > answer["as_of"]


def test_a_process_that_is_gone_is_warned_of(receiver: Receiver, api: TestClient):
    """Nothing found while follow is down is unknown, not nothing."""
    receiver.stop("follow")
    assert any("follow is not running" in warning for warning in api.get("/api/v1/entries").json()["warnings"])
    assert "follow is not running" in api.get(f"/api/v1/entries/{event_id(9)}").json()["detail"]


def test_what_follow_waits_for_is_warned_of(receiver: Receiver, api: TestClient):
    """A store of spans that does not answer explains a trace without spans."""
    receiver.store(entry(1))
    receiver.say("follow", problem="traces: spans.db is locked")
    answer = api.get(f"/api/v1/entries/{event_id(1)}").json()
    assert answer["warnings"] == ["follow waits: traces: spans.db is locked"]
    assert answer["as_of"] > answer["received_at"]
