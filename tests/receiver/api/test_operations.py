"""``/readyz`` and ``/metrics``: what whoever runs the receiver sees."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from otel_audit.canonical import rfc3339
from receiver.clock import SECOND_NS, now_ns
from tests.contracts.entries import entry, event_id
from tests.receiver.api.conftest import Receiver

TRACE = "a" * 32


@pytest.fixture
def well(receiver: Receiver) -> Receiver:
    """Everything runs and has nothing to do."""
    receiver.say("follow", ready=True, index={"position": 0, "problem": None})
    receiver.say("answer", ready=True)
    return receiver


def test_nobody_is_behind(well: Receiver, api: TestClient) -> None:
    """An idle receiver is ready, complete up to now, and every follower is at the journal's end."""
    before = rfc3339(now_ns())
    body = api.get("/readyz").json()
    assert (body["ready"], body["behind"], body["lag_s"]) == (True, [], 0)
    assert body["followers"] == {"index": {"process": "follow", "entries": 0, "seconds": 0.0, "problem": None}}
    assert body["as_of"] >= before


def test_a_follower_that_lags_is_named(well: Receiver, api: TestClient) -> None:
    """By the age of the oldest row it has not done; with how many there are."""
    received_ns = now_ns() - 60 * SECOND_NS
    well.accept(entry(1))
    well.accept(entry(2), entry(3), received_ns=received_ns)
    well.say("follow", index={"position": 1, "problem": None}, streams={"position": 3, "problem": None})
    answer = api.get("/readyz")
    body = answer.json()
    assert (answer.status_code, body["behind"], body["as_of"]) == (200, ["index"], rfc3339(received_ns))
    assert body["followers"]["index"]["entries"] == 2
    assert 60 <= body["lag_s"] == body["followers"]["index"]["seconds"]
    assert body["followers"]["streams"] == {"process": "follow", "entries": 0, "seconds": 0.0, "problem": None}


def test_a_follower_that_waits_is_named(well: Receiver, api: TestClient) -> None:
    """However little it lags; the process it runs in is not blamed for it."""
    traces = {"position": 7, "problem": "spans.db is locked", "lag_s": 0.1}
    well.say("follow", traces=traces, problem="traces: spans.db is locked")
    body = api.get("/readyz").json()
    assert (body["ready"], body["behind"]) == (True, ["traces"])
    assert body["followers"]["traces"] == {
        "process": "follow",
        "entries": None,
        "seconds": 0.1,
        "problem": "spans.db is locked",
    }


def test_a_backend_that_takes_nothing_is_named(well: Receiver, api: TestClient) -> None:
    """Spans wait for it or are dropped; ingest goes on."""
    well.say("accept", forward={"tempo": {"problem": "UNAVAILABLE"}, "other": {"problem": None}})
    answer = api.get("/readyz")
    assert (answer.status_code, answer.json()["behind"]) == (200, ["forward tempo"])


def test_a_process_that_does_not_run_is_named(well: Receiver, api: TestClient) -> None:
    """Without it nobody knows how far its followers are."""
    well.stop("follow")
    body = api.get("/readyz").json()
    assert (body["ready"], body["behind"], body["as_of"], body["lag_s"]) == (True, ["follow"], None, None)


def test_accept_that_cannot_journal_is_not_ready(well: Receiver, api: TestClient) -> None:
    """Its disk is full: senders are to go elsewhere."""
    well.say("accept", ready=False, problem="the journal cannot be written: database or disk is full")
    answer = api.get("/readyz")
    assert (answer.status_code, answer.json()["behind"]) == (503, ["accept"])
    assert "disk is full" in answer.json()["stages"]["accept"]["problem"]


def test_a_store_that_hangs_does_not_hold_up_readiness(
    well: Receiver, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe must not fail because Elasticsearch does not answer: no store is asked."""

    def asked(*_: object) -> None:
        raise AssertionError("a store was asked")

    for part in ("desk.Desk._index", "desk.Desk._streams", "desk.Sources.find"):
        monkeypatch.setattr(f"receiver.correlate.{part}", asked)
    assert api.get("/readyz").status_code == 200
    assert api.get("/metrics").status_code == 200


def test_metrics_measure_lags_against_the_journal(well: Receiver, api: TestClient) -> None:
    """Beside what the processes say of themselves."""
    well.accept(entry(1), entry(2))
    well.say("accept", accepted=2)
    well.say("follow", index={"position": 1, "problem": None})
    answer = api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert values["otel_audit_entries_accepted_total",] == 2
    assert values["otel_audit_follower_lag_entries", "index"] == 1
    assert values["otel_audit_follower_lag_seconds", "index"] > 0
    assert values["otel_audit_process_cpu_seconds_total", "answer"] > 0


def test_metrics_need_no_token(api_with_tokens: Callable[[str | None], TestClient]) -> None:
    """As scrapers expect; nothing of any entry stands in them."""
    assert api_with_tokens(None).get("/metrics").status_code == 200


def test_own_entries_are_left_out_of_searches_alone(receiver: Receiver, api: TestClient) -> None:
    """By id, in their trace and in the history of what they are about they are shown; a search has to ask."""
    about = {"resource_type": "receiver", "resource_id": "here:accept", "trace_id": TRACE}
    receiver.store(entry(1), entry(2, action="audit.receiver.start.success", **about))

    def found(path: str, **asked: str) -> list[str]:
        return [each["event_id"] for each in api.get(f"/api/v1{path}", params=asked).json()["entries"]]

    assert found("/entries") == found("/entries", action="*") == [event_id(1)]
    assert found("/entries", resource_type="receiver") == found("/entries", trace_id=TRACE) == []
    assert found("/entries", action="audit.*") == found("/entries", action="audit.receiver.*") == [event_id(2)]
    assert found(f"/traces/{TRACE}") == found(f"/traces/{TRACE}/entries") == [event_id(2)]
    assert found("/resources/receiver/here:accept/history") == [event_id(2)]
    assert api.get(f"/api/v1/entries/{event_id(2)}").status_code == 200
    assert [each["value"] for each in api.get("/api/v1/facets").json()["facets"]["action"]] == [
        "inventory.update.success"
    ]
