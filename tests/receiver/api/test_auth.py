"""Who may ask what."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from receiver.api.app import create_app
from receiver.config import Settings
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver

AsRole = Callable[[str | None], TestClient]


@pytest.mark.parametrize(
    ("role", "status"), [(None, 401), ("unknown", 401), ("sender", 403), ("viewer", 200), ("investigator", 200)]
)
def test_a_role_decides(role: str | None, status: int, api_with_tokens: AsRole, receiver: Receiver):
    """Without a token 401, with the wrong role 403, both as problems."""
    receiver.store(entry(1))
    answer = api_with_tokens(role).get("/api/v1/entries")
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_administrator_reads_too(api_with_tokens: AsRole, receiver: Receiver):
    """Everything but sending."""
    receiver.store(entry(1))
    assert api_with_tokens("administrator").get(f"/api/v1/entries/{event_id(1)}").status_code == 200


def test_a_tenant_sees_its_own(api_with_tokens: AsRole, receiver: Receiver):
    """Another tenant's entry, searched for or named, is not there."""
    receiver.store(entry(1), entry(2, tenant="other"))
    viewer, other = (
        [each["event_id"] for each in api_with_tokens(role).get("/api/v1/entries").json()["entries"]]
        for role in ("viewer", "other")
    )
    assert (viewer, other) == ([event_id(1)], [event_id(2)])
    assert api_with_tokens("other").get(f"/api/v1/entries/{event_id(1)}").status_code == 404


def test_health_needs_no_token(api_with_tokens: AsRole):
    """A load balancer has none."""
    assert api_with_tokens(None).get("/healthz").json() == {"status": "ok"}
    assert api_with_tokens(None).get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_without_tokens_a_foreign_page_reads_nothing(headers: dict[str, str], api: TestClient):
    """Neither by a name that points here (Host) nor from another site (Origin)."""
    assert api.get("/api/v1/entries", headers=headers).status_code == 403
    assert api.get("/api/v1/entries", headers={"Origin": "http://localhost:4321"}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:4321", "127.0.0.2:4321", "[::1]:4321"])
def test_every_name_of_this_machine_is_answered(host: str, api: TestClient):
    """Whatever loopback address the API listens on."""
    assert api.get("/api/v1/entries", headers={"Host": host}).status_code == 200


def test_ready_is_what_accept_says(api: TestClient, receiver: Receiver):
    """The index may lag, follow may be down: senders are still served; without accept nothing is."""
    receiver.say("follow", index={"position": 0, "problem": None})
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["ready"], ready.json()["lag_s"]) == (200, True, 0)
    receiver.stop("follow")
    assert api.get("/readyz").status_code == 200
    assert api.get("/readyz").json()["stages"]["follow"] == {"running": False}
    receiver.stop("accept")
    assert api.get("/readyz").status_code == 503


def test_before_the_first_start_of_accept_the_api_says_not_now(tmp_path: Path):
    """Files that are not made yet are 503 with a time to come back, never a stack trace."""
    with TestClient(create_app(Settings(data_dir=tmp_path)), base_url="http://127.0.0.1") as client:
        answer = client.get("/api/v1/entries")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_defect_shows_no_stack_trace(api: TestClient, monkeypatch: pytest.MonkeyPatch):
    """What we did not foresee is a problem too."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("receiver.correlate.desk.Desk.search", broken)
    answer = api.get("/api/v1/entries")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text


def test_the_document_describes_every_path(api: TestClient):
    """``/openapi.json`` names the paths and the search's parameters."""
    document = api.get("/openapi.json").json()
    assert document["paths"].keys() >= {
        "/api/v1/entries",
        "/api/v1/entries/{event_id}",
        "/api/v1/entries/{event_id}/trace",
        "/api/v1/traces/{trace_id}",
        "/api/v1/traces/{trace_id}/entries",
        "/api/v1/resources/{resource_type}/{resource_id}/history",
        "/healthz",
        "/readyz",
    }
    names = {each["name"] for each in document["paths"]["/api/v1/entries"]["get"]["parameters"]}
    assert {"action", "q", "from", "cursor"} <= names
