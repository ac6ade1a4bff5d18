"""``/deadletter``: what was received and is in no answer, and what administrators do about it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from otel_audit.canonical import rfc3339
from receiver.clock import now_ns
from receiver.otlp.events import log_events, span_events
from receiver.otlp.extract import Reception, extract
from receiver.own import own_draft
from receiver.refused import Refusal
from receiver.requests import REBUILD_REQUESTED
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver
from tests.receiver.otlp.requests import event, key_values, request, span

PATH = "/api/v1/deadletter"
CARD = "4111111111111111"


def broken(receiver: Receiver, tenant: str = "default", **attributes: Any) -> None:
    """An event comes that breaks the convention."""
    sent = request(span(event("user.login.failed", audit__record__id="no uuid", **attributes)))
    extracted = extract(span_events(sent.SerializeToString()), Reception(now_ns(), tenant, "shop", "10.0.0.7"))
    assert extracted.quarantined
    receiver.journal.append(extracted.quarantined).result(10)
    receiver.follow()


def conflict(receiver: Receiver) -> None:
    """The id of entry 1 comes again, for another event."""
    receiver.store(entry(1))
    receiver.accept(entry(1, reason="another"), digest=b"another")
    receiver.follow()


def refuse(receiver: Receiver) -> int:
    """The index refuses entry 7; its row."""
    receiver.store(entry(7, trace_id="a" * 32))
    seq = receiver.reader.last_seq()
    said = orjson.dumps(entry(7, trace_id="a" * 32).model_dump(exclude_defaults=True))
    receiver.refused.keep([Refusal(seq, "default", "status 400: too deep", said)])
    return seq


def letters(api: TestClient, **asked: str) -> list[dict[str, Any]]:
    answer = api.get(PATH, params=asked)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["letters"]
    return found


def test_a_broken_event_is_shown(receiver: Receiver, api: TestClient):
    """Why it is none, from whom and when it came, and what it said, without what must not be told."""
    broken(receiver, audit__reason="why", card=CARD)
    [letter] = letters(api)
    assert (letter["kind"], letter["state"], letter["conflict"]) == ("quarantined", "open", False)
    assert "audit.record.id" in letter["reason"]
    assert (letter["name"], letter["sender"]) == ("user.login.failed", {"id": "shop", "peer": "10.0.0.7"})
    assert letter["attributes"]["audit.reason"] == "why"
    assert CARD not in str(letter)
    assert letter["trace_id"]
    one = api.get(f"{PATH}/{letter['id']}").json()
    assert {name: value for name, value in one.items() if name not in ("as_of", "warnings")} == letter


def test_a_conflict_is_shown_with_what_it_said(receiver: Receiver, api: TestClient):
    """Both versions are kept: the entry, and this."""
    conflict(receiver)
    [letter] = letters(api)
    assert (letter["conflict"], letter["event_id"]) == (True, event_id(1))
    assert letter["attributes"]["reason"] == "another"
    assert "used again" in letter["reason"]


def test_a_refused_entry_is_shown_and_warned_of(receiver: Receiver, api: TestClient):
    """It is in no answer, so every answer says so."""
    seq = refuse(receiver)
    [letter] = letters(api)
    assert (letter["id"], letter["kind"], letter["reason"]) == (str(seq), "refused", "status 400: too deep")
    assert (letter["event_id"], letter["trace_id"]) == (event_id(7), "a" * 32)
    warned = "1 entries are refused by the index and in no answer: see /deadletter"
    assert api.get("/api/v1/entries").json()["warnings"] == [warned]


def test_kinds_and_pages(receiver: Receiver, api: TestClient):
    """The latest first, both kinds in one order, each once over all pages."""
    broken(receiver, n=1)
    conflict(receiver)
    refuse(receiver)
    broken(receiver, n=2)
    every = [each["id"] for each in letters(api)]
    assert every == sorted(every, key=int, reverse=True)
    assert len(every) == 4
    assert [each["kind"] for each in letters(api, kind="refused")] == ["refused"]
    assert len(letters(api, kind="quarantined")) == 3
    paged: list[str] = []
    cursor: str | None = None
    while True:
        answer = api.get(PATH, params={"limit": "1", **({} if cursor is None else {"cursor": cursor})}).json()
        paged += [each["id"] for each in answer["letters"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert paged == every


def test_wrong_questions_are_named(api: TestClient):
    """Each parameter with its reason; an id that is none is no defect of ours."""
    answer = api.get(PATH, params={"kind": "lost", "cursor": "x", "colour": "red"})
    assert answer.status_code == 400
    assert {each["name"] for each in answer.json()["errors"]} == {"kind", "cursor", "colour"}
    assert [api.get(f"{PATH}/{each}").status_code for each in ("x", "0", "9" * 30, "5")] == [400, 400, 400, 404]
    assert api.post(f"{PATH}/5/drop", json={"reason": ""}).status_code == 400
    assert api.post("/api/v1/reindex", json={"partition": "../x"}).status_code == 400


def test_what_is_dropped_is_hidden_and_told(receiver: Receiver, api: TestClient):
    """Who, why and which is an entry; the row stays, and can be shown; a second drop is refused."""
    broken(receiver)
    broken(receiver, n=2)
    last, first = (each["id"] for each in letters(api))
    answer = api.post(f"{PATH}/{first}/drop", json={"reason": "a test of the shop"})
    assert (answer.status_code, answer.json()["state"]) == (202, "dropped")
    receiver.drain()
    receiver.follow()
    assert [each["id"] for each in letters(api)] == [last]
    assert api.get(f"{PATH}/{first}").json()["state"] == "dropped"
    [told] = api.get("/api/v1/entries", params={"action": "audit.deadletter.*"}).json()["entries"]
    assert (told["action"], told["reason"]) == ("audit.deadletter.drop.success", "a test of the shop")
    assert told["resource_id"] == f"{receiver.reader.log}/{first}"
    assert api.post(f"{PATH}/{first}/drop", json={"reason": "again"}).status_code == 400


def test_a_refused_entry_that_is_dropped_leaves_the_store(receiver: Receiver, api: TestClient):
    """There is room for another one then; the entry is still in the journal."""
    seq = refuse(receiver)
    api.post(f"{PATH}/{seq}/drop", json={"reason": "known"})
    receiver.drain()
    receiver.follow()
    assert letters(api) == []
    assert receiver.refused.size().entries == 0
    assert receiver.reader.read(seq - 1, 1)[0].kind == "entry"


def test_deleted_marks_come_back_from_the_journal(receiver: Receiver, api: TestClient):
    """Who has dropped what is rebuilt by reading the journal again."""
    broken(receiver)
    broken(receiver, n=2)
    last, first = (each["id"] for each in letters(api))
    api.post(f"{PATH}/{first}/drop", json={"reason": "x"})
    receiver.drain()
    receiver.forget_letters()
    receiver.follow()
    assert receiver.letters_of("default") == [int(last)]


def test_no_retry_makes_an_entry_of_a_conflict(receiver: Receiver, api: TestClient):
    """It is said so, clearly and at once."""
    conflict(receiver)
    [letter] = letters(api)
    answer = api.post(f"{PATH}/{letter['id']}/retry")
    assert answer.status_code == 400
    assert "never overwritten" in answer.json()["detail"]


def test_what_a_sender_makes_up_does_nothing(receiver: Receiver, api: TestClient):
    """Acts that come in over OTLP are stored like anything else, and neither drop nor rebuild."""
    broken(receiver)
    [letter] = letters(api)
    draft = own_draft("audit.deadletter.drop.success", {"audit.metadata.row": int(letter["id"])}, now_ns())
    for made_up in (draft, own_draft(REBUILD_REQUESTED, {}, now_ns())):
        said = orjson.loads(made_up.values) | {"sender": {"id": None, "peer": "10.0.0.7"}}
        receiver.journal.append([replace(made_up, values=orjson.dumps(said))]).result(10)
    receiver.follow()
    assert len(letters(api)) == 1
    assert receiver.requests.next() is None


def test_roles_and_tenants(receiver: Receiver, api_with_tokens: Callable[[str | None], TestClient]):
    """Investigators read, administrators act, each on their own tenant's letters."""
    broken(receiver)
    broken(receiver, tenant="other")
    seq = receiver.reader.last_seq() - 1
    reads = {role: api_with_tokens(role).get(PATH).status_code for role in ("viewer", "investigator", "administrator")}
    assert reads == {"viewer": 403, "investigator": 200, "administrator": 200}
    assert [each["id"] for each in letters(api_with_tokens("investigator"))] == [str(seq)]
    for path, body in ((f"{PATH}/{seq}/retry", None), (f"{PATH}/{seq}/drop", {"reason": "x"}), ("/api/v1/reindex", {})):
        assert api_with_tokens("investigator").post(path, json=body).status_code == 403
        assert api_with_tokens("administrator").post(path, json=body).status_code == 202
    assert api_with_tokens("administrator").get(f"{PATH}/{seq + 1}").status_code == 404


def test_a_foreign_page_asks_for_nothing(api: TestClient):
    """Without tokens a browser's request from elsewhere is refused."""
    assert api.post("/api/v1/reindex", json={}, headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_log_record_is_shown_too(receiver: Receiver, api: TestClient):
    """Whatever signal it came by."""
    attributes = key_values({"audit.record.id": "no uuid", "audit.reason": "why"})
    record = LogRecord(event_name="user.login.failed", attributes=attributes)
    scope = ScopeLogs(log_records=[record])
    sent = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope])])
    receiver.journal.append(extract(log_events(sent.SerializeToString()), Reception(now_ns())).quarantined).result(10)
    receiver.follow()
    [letter] = letters(api)
    assert (letter["name"], letter["attributes"]["audit.reason"]) == ("user.login.failed", "why")


def test_answers_warn_while_the_index_is_rebuilt(receiver: Receiver, api: TestClient):
    """They are complete only up to what the rebuild has reached, and `/readyz` says so as well."""
    receiver.store(entry(1), entry(2), entry(3))
    asked = api.post("/api/v1/reindex", json={"partition": "2026.11"}).json()["request"]
    assert api.get(f"/api/v1/requests/{asked}").status_code == 404
    receiver.drain()
    receiver.follow()
    request = receiver.requests.next()
    assert request is not None
    rows = receiver.reader.read(0, 10)
    for reached, waiting in ((0, rows[0]), (2, rows[2])):
        receiver.requests.reach(request, reached)
        answer = api.get("/api/v1/entries").json()
        [warned] = answer["warnings"]
        assert warned == f"partition 2026.11 of the index is being rebuilt: row {reached} of {request.seq} is reached"
        assert answer["as_of"] == rfc3339(waiting.received_ns)
    shown = api.get(f"/api/v1/requests/{asked}").json()
    assert (shown["what"], shown["state"], shown["rows"], shown["of"]) == ("rebuild", "open", 2, request.seq)
    assert "being rebuilt" in str(api.get("/readyz").json()["warnings"])
    receiver.requests.close_request(request)
    assert api.get("/api/v1/entries").json()["warnings"] == []
    assert api.get(f"/api/v1/requests/{asked}").json()["state"] == "done"
