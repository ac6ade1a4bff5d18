"""``/completeness``: which recorded events have not come, and the warning of it in other answers."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from otel_audit.entry import Entry, Source
from receiver.api import completeness
from receiver.clock import now_ns
from receiver.streams import MISSING_AFTER_NS
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver

PATH = "/api/v1/completeness"


def numbered(number: int, source: str = "s-1", **fields: object) -> Entry:
    """The entry *number* of a stream."""
    n = sum(map(ord, source)) * 1000 + number
    return entry(n, source=Source(id=source, sequence=number), service_name="payment", **fields)


def long_ago() -> int:
    """A receipt after which what is missing is missing."""
    return now_ns() - MISSING_AFTER_NS


def test_what_is_missing_is_told_until_it_comes(receiver: Receiver, api: TestClient):
    """With its numbers; a late spill closes the gap."""
    receiver.accept(numbered(1), numbered(4), received_ns=long_ago())
    receiver.follow()
    answer = api.get(PATH).json()
    [stream] = answer["streams"]
    assert (stream["missing"], stream["waiting"], stream["state"]) == ([[2, 3]], [], "missing")
    assert (stream["source_id"], stream["service"], stream["first"], stream["last"]) == ("s-1", "payment", 1, 4)
    assert (stream["received"], stream["reported_lost"], stream["abandoned"]) == (2, {}, [])
    assert stream["silent_s"] >= 600
    assert stream["last_seen"] < answer["as_of"]
    receiver.store(numbered(3), numbered(2))
    [stream] = api.get(PATH).json()["streams"]
    assert (stream["missing"], stream["state"], stream["received"]) == ([], "complete", 4)


def test_every_answer_about_entries_warns(receiver: Receiver, api: TestClient):
    """Nothing found is unknown while something is missing; another service's, or older, gaps are no matter."""
    trace = {"trace_id": "a" * 32, "span_id": "b" * 16, "resource_type": "order", "resource_id": "o-1"}
    receiver.accept(numbered(1, **trace), numbered(4), received_ns=long_ago())
    receiver.follow()
    found = event_id(sum(map(ord, "s-1")) * 1000 + 1)
    for path in ("/entries", f"/entries/{found}", f"/traces/{'a' * 32}", f"/traces/{'a' * 32}/entries"):
        assert api.get(f"/api/v1{path}").json()["warnings"][0] == "2 events of 1 streams never came: see /completeness"
    assert "never came" in str(api.get("/api/v1/resources/order/o-1/history").json()["warnings"])
    assert "never came" in api.get(f"/api/v1/traces/{'c' * 32}").json()["detail"]
    assert "never came" in str(api.get("/api/v1/entries", params={"service": "payment"}).json()["warnings"])
    assert api.get("/api/v1/entries", params={"service": "other"}).json()["warnings"] == []
    assert api.get("/api/v1/entries", params={"from": "2200-01-01"}).json()["warnings"] == []


def test_filters_and_pages(receiver: Receiver, api: TestClient):
    """By service and by state, the youngest stream first."""
    receiver.accept(numbered(1, "a"), numbered(2, "b"), numbered(1, "c"), received_ns=long_ago())
    receiver.follow()

    def ids(**asked: object) -> list[str]:
        return [each["source_id"] for each in api.get(PATH, params=asked).json()["streams"]]

    assert ids() == ["c", "b", "a"]
    assert ids(state="missing") == ["b"]
    assert ids(state="complete", service="payment") == ["c", "a"]
    assert ids(service="other") == []
    first = api.get(PATH, params={"limit": 2}).json()
    assert [each["source_id"] for each in first["streams"]] == ["c", "b"]
    assert ids(limit=2, cursor=first["next_cursor"]) == ["a"]


def test_a_stream_full_of_holes_is_cut_and_says_so(
    receiver: Receiver, api: TestClient, monkeypatch: pytest.MonkeyPatch
):
    """An answer stays small whatever a sender does."""
    monkeypatch.setattr(completeness, "GAPS_MAX", 2)
    receiver.accept(*(numbered(number) for number in (2, 4, 6, 8)), received_ns=long_ago())
    receiver.follow()
    answer = api.get(PATH).json()
    assert answer["streams"][0]["missing"] == [[1, 1], [3, 3]]
    assert "stream s-1 has more gaps than are shown" in answer["warnings"]


def test_what_is_behind_is_told(receiver: Receiver, api: TestClient):
    """The account of streams may be behind the journal."""
    receiver.store(numbered(1))
    receiver.accept(numbered(2), received_ns=long_ago())
    assert any("the account of streams is 6" in each for each in api.get(PATH).json()["warnings"])


def test_wrong_parameters_are_named(receiver: Receiver, api: TestClient):
    """All of them at once."""
    answer = api.get(PATH, params={"state": "lost", "limit": "0", "colour": "red"})
    assert answer.status_code == 400
    assert {each["name"] for each in answer.json()["errors"]} == {"state", "limit", "colour"}


def test_each_tenant_sees_its_own(receiver: Receiver, api_with_tokens: Callable[[str | None], TestClient]):
    """Streams are as private as entries; a sender reads nothing."""
    receiver.store(numbered(1), numbered(1, "theirs", tenant="other"))
    shown = {role: api_with_tokens(role).get(PATH) for role in ("viewer", "other", "sender")}
    ids = {role: [each["source_id"] for each in shown[role].json()["streams"]] for role in ("viewer", "other")}
    assert ids == {"viewer": ["s-1"], "other": ["theirs"]}
    assert shown["sender"].status_code == 403
