"""What a trace's spans tell an entry, and what they must not."""

from otel_audit.entry import SEEN_FIELDS, Entry
from receiver.traces.facts import facts_for, lacking
from tests.contracts.spans import TRACE, span

PARTITION = "2026.11"
SERVER = {"http.method": "POST", "http.target": "/orders?x=1", "http.status_code": 201, "net.peer.ip": "::1"}


def _entry(**fields: object) -> Entry:
    given = {"event_id": "e", "timestamp": "2026-11-23T10:00:00.000000000Z", "action": "a.b", "outcome": "success"}
    place = {"severity": "info", "trace_id": TRACE, "span_id": f"{3:016x}", "service_name": "shop"}
    return Entry.model_validate({**given, **place, **fields})


def test_an_entry_that_lacks_nothing_is_not_asked_about():
    """Nor one that stands in no trace."""
    whole = {field: 1.0 if field == "duration_ms" else 200 if field == "status_code" else "x" for field in SEEN_FIELDS}
    assert lacking(_entry(**whole), PARTITION) is None
    assert lacking(_entry(trace_id=None), PARTITION) is None


def test_the_request_comes_from_the_nearest_server_span_of_the_same_service():
    """An inner span has no request of its own; the span that serves it has."""
    spans = [
        span(1, kind="server", attributes={"http.method": "GET"}),
        span(2, kind="server", parent_span_id=f"{1:016x}", attributes=SERVER),
        span(3, parent_span_id=f"{2:016x}", status="error"),
    ]
    wants = lacking(_entry(), PARTITION)
    assert wants is not None
    assert facts_for(wants, spans) == {
        "span_name": "span 3",
        "span_kind": "internal",
        "span_status": "error",
        "parent_span_id": f"{2:016x}",
        "duration_ms": 1.0,
        "http_method": "POST",
        "path": "/orders",
        "status_code": 201,
        "ip_address": "::1",
    }


def test_what_the_event_said_is_not_told_again():
    """Only what is lacking is filled."""
    wants = lacking(_entry(path="/said", ip_address="::2"), PARTITION)
    assert wants is not None
    facts = facts_for(wants, [span(3, kind="server", attributes=SERVER)])
    assert facts["http_method"] == "POST"
    assert facts.keys().isdisjoint({"path", "ip_address"})


def test_another_services_request_is_not_ours():
    """Where the chain leaves the service, nothing more is known."""
    spans = [span(1, kind="server", service="gateway", attributes=SERVER), span(3, parent_span_id=f"{1:016x}")]
    wants = lacking(_entry(), PARTITION)
    assert wants is not None
    assert "http_method" not in facts_for(wants, spans)


def test_a_loop_of_parents_ends():
    """A trace that bites its tail costs a bounded look."""
    spans = [span(3, parent_span_id=f"{4:016x}"), span(4, parent_span_id=f"{3:016x}")]
    wants = lacking(_entry(), PARTITION)
    assert wants is not None
    assert facts_for(wants, spans)["span_name"] == "span 3"


def test_without_its_own_span_nothing_is_told():
    """Another span of the trace is not the entry's."""
    wants = lacking(_entry(), PARTITION)
    assert wants is not None
    assert facts_for(wants, [span(1, kind="server", attributes=SERVER)]) == {}
