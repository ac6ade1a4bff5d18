"""A real receiver tells what it does: its own entries, its metrics, its readiness."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from receiver import config
from receiver.accept import Accept
from receiver.app.accept import _health, _try_again
from receiver.app.drain import Drain
from receiver.app.telling import Telling
from receiver.errors import Unavailable
from receiver.journal import Journal, JournalReader
from receiver.metrics import RunState, read_states
from receiver.outbox import Outboxes
from receiver.row import entry_of
from tests.parts.receiver import Receiver, running
from tests.receiver.drafts import draft
from tests.receiver.otlp.requests import request, span
from tests.receiver.test_serve import send, until

MEMBERS = ["accept", "answer", "follow"]


def acts(receiver: Receiver, action: str, enough: int, **asked: str) -> list[dict[str, Any]]:
    """The receiver's own entries of *action*, oldest first, once there are *enough*."""
    answer = receiver.eventually(
        "/api/v1/entries", lambda answer: len(answer["entries"]) >= enough, action=action, order="asc", **asked
    )
    found: list[dict[str, Any]] = answer["entries"]
    assert len(found) == enough
    return found


def by_process(entries: list[dict[str, Any]]) -> list[str]:
    return sorted(each["metadata"]["process"] for each in entries)


def scrape(receiver: Receiver) -> dict[tuple[str, ...], float]:
    """Sample and the values of its labels, in the order of their names ▶ its value."""
    answer = httpx.get(f"{receiver.api}/metrics", timeout=20)
    return {
        (sample.name.removeprefix("otel_audit_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One for all tests that only look."""
    with running(tmp_path_factory.mktemp("operations") / "data") as running_one:
        yield running_one


def test_every_process_tells_its_start(receiver: Receiver) -> None:
    """Once each, in the journal like any entry, and not in the searches of others."""
    started = acts(receiver, "audit.receiver.start.success", 3)
    assert by_process(started) == MEMBERS
    assert {each["severity"] for each in started} == {"info"}
    assert all(each["trace_id"] and each["span_id"] for each in started)
    assert {each["service_name"] for each in started} == {"otel-audit"}
    assert receiver.get("/api/v1/entries", service="otel-audit")["entries"] == []
    one = started[0]
    assert receiver.get(f"/api/v1/traces/{one['trace_id']}")["entries"][0]["event_id"] == one["event_id"]


def test_what_comes_in_is_counted(receiver: Receiver) -> None:
    """Requests and spans with and without audit events, refusals, journal, acks and the followers."""
    send(receiver)
    send(receiver, request(span(), span()).SerializeToString())
    send(receiver, b"audit. nonsense")
    httpx.get(f"{receiver.http}/v1/nowhere")
    until(lambda: ("receiver_refused_requests_total", "refused", "traces", "http") in scrape(receiver))
    until(lambda: ("receiver_http_answers_total", "404") in scrape(receiver))
    until(lambda: scrape(receiver).get(("receiver_accepted_spans_total", "http"), 0) == 3)
    until(lambda: scrape(receiver).get(("follower_lag_entries", "index")) == 0)
    until(lambda: scrape(receiver).get(("follower_batch_duration_seconds_count", "streams"), 0) > 0)
    found = scrape(receiver)
    assert found["receiver_accepted_requests_total", "traces", "http"] == 2
    assert found["receiver_refused_requests_total", "refused", "traces", "http"] == 1
    assert found["receiver_http_answers_total", "404"] == 1
    assert found["entries_accepted_total",] >= 4  # three starts are among them, and what other tests read
    assert found["receiver_ack_duration_seconds_count",] > 0
    assert found["process_up", "follow"] == found["ready",] == 1
    assert found["outbox_waiting_entries", "follow"] == 0
    assert found["process_memory_rss_bytes", "accept"] > 1_000_000


def test_readiness_names_each_stage(receiver: Receiver) -> None:
    """Nobody is behind once everything is done."""
    until(lambda: receiver.get("/readyz")["behind"] == [])
    assert receiver.get("/readyz")["followers"].keys() == {"index", "streams", "traces"}


def test_the_life_of_a_receiver(tmp_path: Path) -> None:
    """A crash, a stop, a change of settings: each told once, in order, by the process it happened to."""
    with running(tmp_path / "data") as receiver:
        acts(receiver, "audit.receiver.start.success", 3)
        killed = read_states(receiver.data_dir)["follow"]["pid"]
        os.kill(killed, signal.SIGKILL)
        again = acts(receiver, "audit.receiver.start.success", 4)[-1]
        assert (again["severity"], again["metadata"]["process"]) == ("warning", "follow")
        assert again["metadata"]["crashed_pid"] == killed
        assert again["metadata"]["last_sign_of_life"]
    with running(tmp_path / "data", {"TRACES__WAIT_S": "5", "INDEX__PASSWORD": "hunter2"}) as receiver:
        assert by_process(acts(receiver, "audit.receiver.stop.success", 3)) == MEMBERS
        assert [each["severity"] for each in acts(receiver, "audit.receiver.start.success", 7)[4:]] == ["info"] * 3
        (changed,) = acts(receiver, "audit.receiver.settings.update.success", 1)
        assert changed["metadata"]["changed"] == ["index.password", "traces.wait_s"]
        assert (changed["previous_state"], changed["new_state"]) == ({"traces.wait_s": 60.0}, {"traces.wait_s": 5.0})
        assert receiver.get("/api/v1/completeness")["streams"] == []
    for path in (tmp_path / "data").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()


def test_a_crash_of_accept_is_told_by_the_next(tmp_path: Path) -> None:
    """Also when nobody was left to start it again."""
    with running(tmp_path / "data") as receiver:
        acts(receiver, "audit.receiver.start.success", 3)
        killed = {name: state["pid"] for name, state in read_states(receiver.data_dir).items()}
        for pid in (receiver.pid, *killed.values()):
            os.kill(pid, signal.SIGKILL)
    with running(tmp_path / "data") as receiver:
        started = acts(receiver, "audit.receiver.start.success", 6)[3:]
        assert {each["metadata"]["process"]: each["metadata"]["crashed_pid"] for each in started} == killed


def test_an_outage_ends_by_itself_and_is_told(tmp_path: Path) -> None:
    """While nothing can be written accept says so; once it can be, accept finds out without a sender."""
    data_dir = tmp_path / "data"
    journal = Journal.open(data_dir, config.Journal())
    state, outboxes = RunState(data_dir, "accept"), Outboxes(data_dir)
    accept = Accept(journal)
    drain = Drain(outboxes, accept.accept)

    async def go() -> None:
        with Telling(config.Settings(data_dir=data_dir), "accept", state) as telling:
            assert _health(None, accept, drain)["ready"] is True
            journal._connection.execute("PRAGMA query_only=ON")  # SQLite: attempt to write a readonly database
            with pytest.raises(Unavailable):
                await accept.accept([draft("a")])
            since_ns = accept.trouble.since_ns if accept.trouble else 0
            await _try_again(accept, telling)
            health = _health(None, accept, drain)
            assert (health["ready"], "readonly" in str(health["problem"])) == (False, True)
            assert accept.trouble is not None
            assert accept.trouble.since_ns == since_ns
            journal._connection.execute("PRAGMA query_only=OFF")
            await _try_again(accept, telling)
            assert (_health(None, accept, drain)["ready"], _health(None, accept, drain)["problem"]) == (True, None)
            await _try_again(accept, telling)

    try:
        asyncio.run(go())
    finally:
        state.close()
        outboxes.close()
        journal.close()
    with closing(JournalReader.open(data_dir)) as reader:
        (told,) = (entry_of(row, reader.log) for row in reader.read(0, 10))
    assert told.action == "audit.receiver.accept.failed"
    assert "readonly" in str(told.error_message)
