"""Who is asked for by name, address or number is found, although only pseudonyms are kept."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from otel_audit.redact import Redactor
from receiver.api.app import create_app
from receiver.config import Redact, Settings
from receiver.otlp.events import span_events
from receiver.otlp.extract import Reception, extract
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver
from tests.receiver.otlp.requests import NOON, event, request, span

KEY = "one key for SDK and receiver"
MIA = "mia@example.com"
STATE = {"phone": "+49 151 23456780", "customer": {"name": "Mia Bauer", "id": "c-1"}, "status": "paid"}


def receive(receiver: Receiver, redactor: Redactor, **attributes: Any) -> None:
    """One event of a sender that redacts nothing."""
    found = span_events(request(span(event(audit__reason="x", **attributes))).SerializeToString())
    [draft] = extract(found, Reception(NOON, redactor=redactor)).entries
    receiver.journal.append([draft]).result(10)
    receiver.follow()


@pytest.fixture
def keyed(receiver: Receiver) -> Iterator[TestClient]:
    """The API of a receiver that has the key."""
    settings = Settings(data_dir=receiver.data_dir, redact=Redact.model_validate({"pseudonym_key": KEY}))
    receive(
        receiver,
        Redactor(settings.redact.rules),
        user__email=MIA,
        audit__target__after=orjson.dumps(STATE).decode(),
        audit__metadata__email=MIA,
        **{"audit.metadata.recipient": {"name": "Ben Bauer"}},
    )
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        yield client


def found(api: TestClient, params: Mapping[str, str]) -> list[dict[str, Any]]:
    answer = api.get("/api/v1/entries", params=dict(params))
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


@pytest.mark.parametrize(
    "asked",
    [
        {"user_email": MIA},
        {"user_email": " MIA@Example.com"},
        {"metadata.email": MIA},
        {"new_state.phone": "+49 151 23456780"},
        {"new_state.customer.name": "Mia Bauer"},
        {"metadata.recipient.name": "Ben Bauer"},
        {"new_state.status": "paid", "user_email": MIA, "new_state.customer.id": "c-1"},
    ],
    ids=str,
)
def test_equality_still_finds_what_is_a_pseudonym(asked: dict[str, str], keyed: TestClient):
    """Nobody has to know the pseudonym; what was found does not tell the value."""
    [one] = found(keyed, asked)
    assert "Bauer" not in str(one)
    assert MIA not in str(one)
    assert one["user_email"].startswith("pseudonym-")
    assert found(keyed, {"user_email": one["user_email"]}) == [one]


@pytest.mark.parametrize("asked", [{"user_email": "ben@example.com"}, {"new_state.customer.name": "Mia"}], ids=str)
def test_nobody_else_is_found(asked: dict[str, str], keyed: TestClient):
    """A pseudonym is of the whole value."""
    assert found(keyed, asked) == []


def test_what_is_kept_plain_is_found_with_what_is_not(keyed: TestClient, receiver: Receiver):
    """A member of staff's address, and what was recorded before there was a key; over pages, too."""
    receiver.store(entry(1, user_email=MIA, actor_type="staff"))
    first = keyed.get("/api/v1/entries", params={"user_email": MIA, "limit": 1}).json()
    second = keyed.get("/api/v1/entries", params={"user_email": MIA, "limit": 1, "cursor": first["next_cursor"]}).json()
    both = [*first["entries"], *second["entries"]]
    assert len({each["user_email"] for each in both}) == 2
    assert event_id(1) in {each["event_id"] for each in both}


def test_who_was_asked_for_is_not_told_by_the_entry_about_the_read(keyed: TestClient, receiver: Receiver):
    """The log of reads holds no address either, and is found by the pseudonym."""
    found(keyed, {"user_email": MIA, "new_state.phone": "+49 151 23456780"})
    receiver.drain()
    receiver.follow()
    reads = found(keyed, {"action": "audit.entry.read.*"})
    told = reads[-1]["metadata"]["filter"]
    assert told["user_email"].startswith("pseudonym-")
    assert told["new_state.phone"].startswith("pseudonym-")
    assert MIA not in str(reads)


def test_facets_and_named_searches_are_asked_alike(keyed: TestClient):
    """Whatever takes filters takes the plain value."""
    facets = keyed.get("/api/v1/facets", params={"user_email": MIA}).json()["facets"]
    assert facets["action"] == [{"value": "user.login.success", "count": 1}]
    named = keyed.get("/api/v1/searches/permission-changes", params={"user_email": MIA}).json()
    assert named["entries"] == []
