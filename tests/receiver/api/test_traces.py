"""A trace with its entries, the trace of an entry, and what became of a resource."""

import pytest
from fastapi.testclient import TestClient

from otel_audit.canonical import rfc3339
from receiver.api.app import create_app
from receiver.clock import DAY_NS, now_ns
from receiver.config import Settings, Traces, TraceSourceSettings
from receiver.errors import Unavailable
from tests.contracts.entries import entry, event_id
from tests.contracts.spans import TRACE, span
from tests.receiver.api.conftest import Receiver
from tests.receiver.otlp.requests import SERVER_SPAN
from tests.receiver.traces.test_jaeger import ID, saying, serving, whole

OWN = TraceSourceSettings(kind="own")

SPAN = f"{1:016x}"


def test_a_trace_and_its_entries_are_one_answer(receiver: Receiver, api: TestClient):
    """From the trace to the entries and from an entry to its trace: the same answer."""
    receiver.spans.put([span(1), span(2, parent_span_id=SPAN)])
    receiver.store(entry(1, trace_id=TRACE, span_id=SPAN, service_name="shop"), entry(2, trace_id="b" * 32))
    answer = api.get(f"/api/v1/traces/{TRACE.upper()}").json()
    assert answer["source"] == "sqlite"
    assert [each["event_id"] for each in answer["entries"]] == [event_id(1)]
    assert [each["entries"] for each in answer["spans"]] == [[event_id(1)], []]
    assert answer["warnings"] == []
    of_entry = api.get(f"/api/v1/entries/{event_id(1)}/trace").json()
    assert {**of_entry, "as_of": None} == {**answer, "as_of": None}
    alone = api.get(f"/api/v1/traces/{TRACE}/entries").json()
    assert alone["entries"] == answer["entries"]


def test_entries_without_spans_stand_alone_with_a_warning(receiver: Receiver, api: TestClient):
    """Sampled out or expired: who did what is known all the same."""
    receiver.store(entry(1, trace_id=TRACE, span_id=SPAN))
    answer = api.get(f"/api/v1/traces/{TRACE}").json()
    assert (answer["spans"], answer["complete"], len(answer["entries"])) == ([], False, 1)
    assert any("no spans of this trace" in warning for warning in answer["warnings"])


def test_without_spans_kept_none_are_asked_for(receiver: Receiver):
    """``traces.keep: none`` is said, nothing is unavailable, and what is not known is not found."""
    receiver.store(entry(1, trace_id=TRACE, span_id=SPAN))
    (receiver.data_dir / "spans.db").unlink()
    settings = Settings(data_dir=receiver.data_dir, traces=Traces(keep="none"))
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as api:
        answer = api.get(f"/api/v1/traces/{TRACE}").json()
        unknown = [api.get(f"/api/v1/traces/{'c' * 32}{rest}").status_code for rest in ("", "/entries")]
    assert (answer["spans"], len(answer["entries"])) == ([], 1)
    assert answer["warnings"] == ["the spans of this trace: off, for no spans are kept here (traces.keep: none)"]
    assert unknown == [404, 404]


def test_an_expired_trace_says_so(receiver: Receiver, api: TestClient):
    """Its entries are older than spans are kept: that they have gone is known, not guessed."""
    old = rfc3339(now_ns() - 31 * DAY_NS)
    receiver.store(entry(1, trace_id=TRACE, span_id=SPAN, timestamp=old, received_at=old))
    said = "have expired: they are kept for 30 days (traces.retain_days)"
    assert api.get(f"/api/v1/traces/{TRACE}").json()["warnings"] == [f"the spans of this trace {said}"]
    receiver.spans.put([span(1)])
    assert api.get(f"/api/v1/traces/{TRACE}").json()["warnings"] == [f"some spans of this trace {said}"]


def test_a_trace_without_entries_has_none(receiver: Receiver, api: TestClient):
    """It is known, so its entries are: there are none."""
    receiver.spans.put([span(1)])
    answer = api.get(f"/api/v1/traces/{TRACE}/entries")
    assert (answer.status_code, answer.json()["entries"]) == (200, [])


def test_a_trace_that_is_cut_is_not_complete(receiver: Receiver):
    """More spans than one answer holds: the first are shown, and it is said."""
    receiver.spans.put([span(1), *(span(number, parent_span_id=SPAN) for number in range(2, 15))])
    settings = Settings(data_dir=receiver.data_dir, traces=Traces(trace_max_spans=10))
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as api:
        answer = api.get(f"/api/v1/traces/{TRACE}").json()
    assert (len(answer["spans"]), answer["complete"]) == (10, False)
    assert any("the first 10 are shown" in warning for warning in answer["warnings"])


def test_spans_that_cannot_be_read_do_not_hide_the_entries(
    receiver: Receiver, api: TestClient, monkeypatch: pytest.MonkeyPatch
):
    """With entries they are the answer, with a warning; without, nothing is known and nothing is claimed."""

    def away(*_: object) -> None:
        raise Unavailable("spans.db is locked")

    monkeypatch.setattr("receiver.traces.sqlite.SqliteSpans.trace", away)
    assert api.get(f"/api/v1/traces/{TRACE}").status_code == 503
    assert api.get(f"/api/v1/traces/{TRACE}/entries").status_code == 503
    receiver.store(entry(1, trace_id=TRACE, span_id=SPAN))
    answer = api.get(f"/api/v1/traces/{TRACE}").json()
    assert (answer["spans"], answer["complete"], len(answer["entries"])) == ([], False, 1)
    assert answer["warnings"] == ["the spans cannot be read: spans.db is locked"]


def test_many_entries_of_a_trace_are_all_there(receiver: Receiver, api: TestClient):
    """More than one page of the index."""
    receiver.store(*(entry(number, trace_id=TRACE) for number in range(1005)))
    assert len(api.get(f"/api/v1/traces/{TRACE}/entries").json()["entries"]) == 1005


def test_a_history_is_oldest_first_with_what_changed(receiver: Receiver, api: TestClient):
    """Every step, and the state they lead to; an id may hold slashes."""
    what = {"resource_type": "page", "resource_id": "a/b c"}
    receiver.store(
        entry(2, **what, previous_state={"n": 1}, new_state={"n": 2}),
        entry(1, **what, new_state={"n": 1}),
        entry(3, resource_type="page", resource_id="a"),
    )
    answer = api.get("/api/v1/resources/page/a/b%20c/history").json()
    assert [each["event_id"] for each in answer["entries"]] == [event_id(1), event_id(2)]
    assert answer["entries"][1]["changes"] == [{"op": "replace", "path": "/n", "value": 2}]
    assert (answer["state"], answer["resource_type"], answer["resource_id"]) == ({"n": 2}, "page", "a/b c")


def test_a_history_up_to_a_moment_and_what_nobody_recorded(receiver: Receiver, api: TestClient):
    """The state then, that moment included; a change in between that was not recorded is pointed out."""
    what = {"resource_type": "inventory", "resource_id": "sku-1"}
    steps = [
        entry(1, **what, new_state={"stock": 50}),
        entry(2, **what, previous_state={"stock": 50}, new_state={"stock": 35}),
        entry(3, **what, previous_state={"stock": 30}, new_state={"stock": 29}),
    ]
    receiver.store(*steps)
    path = "/api/v1/resources/inventory/sku-1/history"
    whole = api.get(path).json()
    found = {"event_id": event_id(3), "after": event_id(2), "expected": {"stock": 35}, "found": {"stock": 30}}
    assert (whole["breaks"], whole["state"]) == ([found], {"stock": 29})
    assert "1 changes were not recorded: see breaks" in whole["warnings"]
    then = api.get(path, params={"at": steps[1].timestamp}).json()
    assert (len(then["entries"]), then["state"], then["breaks"]) == (2, {"stock": 35}, [])
    assert api.get(path, params={"at": "1999-01-01"}).status_code == 404
    wrong = api.get(path, params={"at": "yesterday", "limit": "3"})
    assert [each["name"] for each in wrong.json()["errors"]] == ["at", "limit"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/v1/traces/{TRACE}", 404),
        (f"/api/v1/traces/{TRACE}/entries", 404),
        ("/api/v1/traces/xyz", 400),
        (f"/api/v1/entries/{event_id(1)}/trace", 404),
        ("/api/v1/resources/order/none/history", 404),
        ("/api/v1/nothing", 404),
    ],
)
def test_what_is_not_there_is_a_problem(path: str, status: int, api: TestClient):
    """Unknown is 404, impossible is 400, and both say why."""
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status


def test_an_entry_outside_any_trace_says_so(receiver: Receiver, api: TestClient):
    """It has no trace to show."""
    receiver.store(entry(1, trace_id=None))
    assert api.get(f"/api/v1/entries/{event_id(1)}/trace").status_code == 404


# -- traces that are kept elsewhere


def over(receiver: Receiver, *sources: TraceSourceSettings, keep: str = "audited") -> TestClient:
    """The API that looks traces up in *sources*."""
    traces = Traces(sources=sources, keep=keep)  # type: ignore[arg-type]
    app = create_app(Settings(data_dir=receiver.data_dir, traces=traces))
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


def test_a_trace_is_taken_from_the_first_source_that_knows_it(receiver: Receiver):
    """In the order of the settings; where it is from stands in the answer."""
    receiver.spans.put([span(1)])
    receiver.store(entry(1, trace_id=TRACE, span_id=f"{1:016x}"), entry(2, trace_id=ID, span_id=SERVER_SPAN.hex()))
    with serving(saying(whole())) as url, over(receiver, OWN, TraceSourceSettings(kind="jaeger", url=url)) as api:
        own, other = (api.get(f"/api/v1/traces/{each}").json() for each in (TRACE, ID))
    assert (own["source"], len(own["spans"])) == ("sqlite", 1)
    assert (other["source"], [each["name"] for each in other["spans"]]) == ("jaeger", ["POST /orders", "work"])
    assert other["spans"][0]["entries"] == [event_id(2)]
    assert other["warnings"] == []


def test_a_source_that_is_away_is_named_and_the_others_are_used(receiver: Receiver):
    """Its entries stand alone where no other knows the trace; nothing at all is unknown, not nothing."""
    receiver.spans.put([span(1)])
    receiver.store(entry(1, trace_id=TRACE, span_id=f"{1:016x}"), entry(2, trace_id=ID))
    with serving(saying(b"")) as url:
        away = TraceSourceSettings(kind="jaeger", url=url, timeout_s=1)
    with over(receiver, away, OWN) as api:
        answer = api.get(f"/api/v1/traces/{TRACE}").json()
        assert (answer["source"], len(answer["spans"])) == ("sqlite", 1)
        assert "the trace source 1 (jaeger" in answer["warnings"][0]
        alone = api.get(f"/api/v1/traces/{ID}").json()
        assert (alone["source"], len(alone["entries"])) == (None, 1)
        assert "cannot be read" in str(alone["warnings"])
        assert api.get("/api/v1/traces/" + "c" * 32).status_code == 503


def test_spans_of_another_place_need_no_store_of_ours(receiver: Receiver):
    """With ``traces.keep: none``, as where a Jaeger is there already."""
    receiver.store(entry(2, trace_id=ID))
    with serving(saying(whole())) as url:
        with over(receiver, OWN, TraceSourceSettings(kind="jaeger", url=url), keep="none") as api:
            assert api.get(f"/api/v1/traces/{ID}").json()["source"] == "jaeger"
        with over(receiver, keep="none") as api:
            assert "traces.keep: none" in str(api.get(f"/api/v1/traces/{ID}").json()["warnings"])
