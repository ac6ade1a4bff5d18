"""Audit events out of a trace request: what was said, what was seen, and what is set aside."""

from base64 import b64decode
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_audit import wire
from otel_audit.canonical import derived_event_id, rfc3339
from otel_audit.entry import Entry
from otel_audit.redact import Redactor, Rules, is_pseudonym
from receiver.clock import DAY_NS
from receiver.journal import Draft, Row, entry_of
from receiver.otlp.events import span_events
from receiver.otlp.extract import Extracted, Reception
from receiver.otlp.extract import extract as extract_events
from tests.receiver.otlp.requests import (
    CARRIER_SPAN,
    INNER_SPAN,
    NOON,
    SECOND,
    SERVER_SPAN,
    TRACE,
    add,
    event,
    request,
    server_span,
    span,
)

ID = "0192f0c1-2345-7abc-8def-0123456789ab"
RECEPTION = Reception(NOON + SECOND, "default", "shop-token", "10.0.0.7")


def extract(whole: ExportTraceServiceRequest, reception: Reception) -> Extracted:
    return extract_events(span_events(whole.SerializeToString()), reception)


def entry(draft: Draft) -> Entry:
    row = Row(1, draft.kind, draft.tenant, draft.event_id, 0, draft.values, draft.seen, draft.outlier, 1)
    return entry_of(row, "otel-audit/000000000000")


def only(whole: ExportTraceServiceRequest, reception: Reception = RECEPTION) -> Entry:
    extracted = extract(whole, reception)
    assert extracted.problems == ()
    (draft,) = extracted.entries
    return entry(draft)


def test_an_event_with_hardly_anything_is_an_entry() -> None:
    """One ``audit.`` attribute is enough: the rest is derived, or taken from the span, or null."""
    found = only(request(span(event(audit__reason="because"))))
    assert found.event_id == derived_event_id(TRACE, INNER_SPAN, "user.login.success", NOON, 0)
    assert (found.action, found.outcome, found.reason) == ("user.login.success", "success", "because")
    assert found.timestamp == "2026-11-23T10:00:00.000000000Z"
    assert (found.trace_id, found.span_id, found.parent_span_id) == (TRACE.hex(), INNER_SPAN.hex(), SERVER_SPAN.hex())
    assert (found.service_name, found.service_version) == ("shop", "1.2")
    assert (found.span_name, found.span_kind, found.span_status, found.duration_ms) == ("work", "internal", "ok", 2.0)
    assert found.user_id is None


def test_the_receiver_vouches_for_what_it_saw() -> None:
    """When it came, whose it is, who handed it in."""
    found = only(request(span(event(audit__reason="x"))))
    assert found.received_at == rfc3339(NOON + SECOND)
    assert found.tenant == "default"
    assert found.sender is not None
    assert (found.sender.id, found.sender.peer) == ("shop-token", "10.0.0.7")


def test_other_events_are_left_alone() -> None:
    """No ``audit.`` attribute, no audit event."""
    assert extract(request(span(event("log", message="audit.reason"))), RECEPTION) == Extracted()


def test_visible_copies_are_passed_over() -> None:
    """What people see in their trace is never journalled a second time."""
    assert extract(request(span(event(audit__copy=True, audit__reason="x"))), RECEPTION) == Extracted()


def test_request_facts_come_from_the_span() -> None:
    """What the span shows of the request is seen, by current and by older names."""
    attributes = {"http.method": "POST", "http.target": "/orders?token=1", "net.peer.ip": "10.1.1.1"}
    found = only(request(span(event(audit__reason="x"), attributes=attributes)))
    assert (found.http_method, found.path, found.ip_address) == ("POST", "/orders", "10.1.1.1")
    assert {"http_method", "path", "ip_address"} <= set(found.seen)


def test_request_facts_come_from_the_server_span_above() -> None:
    """An inner span knows nothing of the request: the nearest SERVER ancestor does."""
    middle = span(span_id=b"middle11", parent=SERVER_SPAN)
    inner = span(event(audit__reason="x"), parent=b"middle11", attributes={"http.request.method": "GET"})
    server = server_span(http__request__method="POST", url__path="/orders", http__response__status_code=201)
    found = only(request(inner, middle, server))
    assert (found.http_method, found.path, found.status_code) == ("GET", "/orders", 201)


def test_another_service_is_no_ancestor() -> None:
    """The caller's request is not this service's request."""
    whole = request(span(event(audit__reason="x")))
    add(whole, server_span(url__path="/elsewhere"), scope="app", service="gateway")
    assert only(whole).path is None


def test_a_loop_of_parents_ends() -> None:
    """Broken traces are read too."""
    one = span(event(audit__reason="x"), span_id=b"aaaaaaaa", parent=b"bbbbbbbb")
    other = span(span_id=b"bbbbbbbb", parent=b"aaaaaaaa")
    assert only(request(one, other)).path is None


def test_what_the_event_said_is_not_seen() -> None:
    """Said facts win, and are not listed among the seen."""
    said = {"url.path": "/said", "audit.reason": "x"}
    whole = request(span(event(**said), attributes={"url.path": "/seen", "http.request.method": "GET"}))
    found = only(whole)
    assert found.path == "/said"
    assert "path" not in found.seen
    assert "http_method" in found.seen


def carrier(parent: bytes = INNER_SPAN, **attributes: Any) -> ExportTraceServiceRequest:
    shown = {key.replace("__", "."): value for key, value in attributes.items()}
    spans = span(event(audit__record__id=ID), span_id=CARRIER_SPAN, parent=parent, name="carrier", attributes=shown)
    return request(spans, scope=wire.SCOPE)


def test_a_carried_event_belongs_to_the_span_above_the_carrier() -> None:
    """The carrier is only the envelope: its parent is the entry's span, its attributes are that span's facts."""
    shown: dict[str, Any] = {
        wire.SPAN_NAME: "POST /orders",
        wire.SPAN_KIND: "SERVER",
        wire.SPAN_STATUS: "ok",
        wire.SPAN_PARENT: SERVER_SPAN.hex(),
        wire.SPAN_DURATION_NS: 3_500_000,
        "url.path": "/orders",
    }
    found = only(carrier(**shown))
    assert (found.event_id, found.span_id) == (ID, INNER_SPAN.hex())
    assert (found.span_name, found.span_kind, found.span_status) == ("POST /orders", "server", "ok")
    assert (found.parent_span_id, found.duration_ms, found.path) == (SERVER_SPAN.hex(), 3.5, "/orders")


def test_a_carrier_outside_any_span_is_its_own() -> None:
    """Nothing is seen where there was nothing to see."""
    found = only(carrier(parent=b""))
    assert found.span_id == CARRIER_SPAN.hex()
    assert found.seen == ()


def test_a_span_that_has_not_ended_shows_no_duration() -> None:
    """A carrier that left early says what it knew."""
    assert only(carrier(**{wire.SPAN_NAME: "slow"})).duration_ms is None


@pytest.mark.parametrize("trace_id", [b"", bytes(16), b"short"])
def test_an_invalid_trace_id_is_none(trace_id: bytes) -> None:
    """The event is kept; it only belongs to no trace."""
    assert only(request(span(event(audit__reason="x"), trace_id=trace_id))).trace_id is None


def test_time_zero_is_the_spans_end_else_receipt() -> None:
    """An event without a time happened by the time its span ended."""
    timeless = event(time_ns=0, audit__reason="x")
    assert only(request(span(timeless))).timestamp == rfc3339(NOON + 1_000_000)
    endless = span(timeless)
    endless.end_time_unix_nano = 0
    assert only(request(endless)).timestamp == rfc3339(NOON + SECOND)


def test_equal_events_of_a_span_are_told_apart() -> None:
    """Two that say no id get two, the same ones every time they are sent."""
    whole = request(span(event(audit__reason="x"), event(audit__reason="x")))
    first, second = (draft.event_id for draft in extract(whole, RECEPTION).entries)
    assert first != second
    later = Reception(NOON + 99 * SECOND)
    assert [first, second] == [draft.event_id for draft in extract(whole, later).entries]


def test_a_repeat_is_known_by_what_the_event_itself_says() -> None:
    """Its digest is the same whoever sends it, whenever, with whatever around it; another attribute changes it."""

    def digest(whole: ExportTraceServiceRequest, reception: Reception = RECEPTION) -> bytes:
        return extract(whole, reception).entries[0].digest

    whole = request(span(event(audit__reason="x", user__id="u")))
    around = request(span(event(user__id="u", audit__reason="x"), attributes={"http.method": "GET"}), service="other")
    assert digest(whole) == digest(around, Reception(NOON + 9 * SECOND, "default", "collector", "10.0.0.9"))
    assert digest(whole) != digest(request(span(event(audit__reason="x", user__id="v"))))
    assert digest(whole) != digest(request(span(event(audit__reason="x", user__id="u", time_ns=NOON + 1))))


@pytest.mark.parametrize(
    ("time_ns", "outlier"),
    [
        (NOON, False),
        (NOON + SECOND + DAY_NS, False),
        (NOON + SECOND + DAY_NS + 1, True),
        (NOON + SECOND - 2555 * DAY_NS, False),
        (NOON + SECOND - 2555 * DAY_NS - 1, True),
    ],
)
def test_a_time_that_cannot_be_is_marked(time_ns: int, outlier: bool) -> None:
    """A clock that is far off must not make partitions of its own; it is decided once, at receipt."""
    (draft,) = extract(request(span(event(time_ns=time_ns, audit__reason="x"))), RECEPTION).entries
    assert draft.outlier is outlier


BROKEN = {
    "id": event(audit__record__id="not-a-uuid"),
    "outcome": event(audit__outcome="perhaps"),
    "actor": event(audit__actor__type="ghost"),
    "severity": event(audit__severity="urgent"),
    "type": event(audit__reason=7),
    "no-name": event("", audit__reason="x"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_event_is_set_aside_and_its_neighbours_stored(broken: Any) -> None:
    """With its reason, and with bytes that can be read again to that one event."""
    extracted = extract(request(span(event(audit__reason="good"), broken, event("b", audit__reason="good"))), RECEPTION)
    assert len(extracted.entries) == 2
    (draft,) = extracted.quarantined
    values = orjson.loads(draft.values)
    assert values["reason"] in extracted.problems[0]
    again = ExportTraceServiceRequest.FromString(b64decode(values["raw"]))
    assert again == request(span(broken))


@pytest.mark.parametrize(
    "attributes",
    [
        {"password": "hunter2hunter2"},
        {"note": "card 4111 1111 1111 1111"},
        {"card": 4111111111111111},
        {"audit__target__after": '{"owner": {"apiKey": "hunter2hunter2"}}'},
        {"audit__target__after": {"owner": {"apiKey": "hunter2hunter2"}}},
        {"list": ["Bearer hunter2hunter2"]},
    ],
)
def test_secrets_and_cards_are_not_stored_whoever_sends_them(attributes: dict[str, Any]) -> None:
    """The same rules as in the SDK; the same event, already clean, is a repeat of it."""
    (draft,) = extract(request(span(event(audit__reason="x", **attributes))), RECEPTION).entries
    assert b"hunter2" not in draft.values
    assert b"1111111" not in draft.values.replace(b" ", b"")
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    clean, count = Redactor().redact(named)
    assert count
    said = {key.replace(".", "__"): value for key, value in clean.items()}
    assert extract(request(span(event(audit__reason="x", **said))), RECEPTION).entries[0].digest == draft.digest


def test_secrets_in_what_is_broken_are_not_kept_either() -> None:
    """The bytes that are kept to read it again are without them."""
    broken = event(audit__outcome="maybe", password="hunter2hunter2", audit__reason="kept")
    (draft,) = extract(request(span(broken)), RECEPTION).quarantined
    raw = b64decode(orjson.loads(draft.values)["raw"])
    assert b"hunter2" not in raw
    assert b"kept" in raw


def test_what_is_broken_keeps_its_place_in_its_stream() -> None:
    """Its number was received, so it is not missing."""
    broken = event(audit__outcome="maybe", audit__source__id="s-1", audit__sequence__number=7)
    (draft,) = extract(request(span(broken)), RECEPTION).quarantined
    values = orjson.loads(draft.values)
    assert values["source"] == {"id": "s-1", "sequence": 7}
    assert values["service_name"] == "shop"


def test_an_unforeseen_failure_sets_one_event_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with one event is that event's matter alone."""
    inner = wire.read_event

    def read(name: str, attributes: Any) -> Any:
        return 1 / 0 if name == "b" else inner(name, attributes)

    monkeypatch.setattr(wire, "read_event", read)
    extracted = extract(request(span(event("a", audit__reason="x"), event("b", audit__reason="x"))), RECEPTION)
    assert (len(extracted.entries), len(extracted.quarantined)) == (1, 1)
    assert "ZeroDivisionError" in extracted.problems[0]


@pytest.mark.parametrize("value", ["{not json", "plain"])
def test_a_state_that_is_not_json_is_kept_as_text(value: str) -> None:
    """That is not broken."""
    assert only(request(span(event(audit__target__after=value)))).new_state == value


def test_a_convention_attribute_without_a_value_says_nothing() -> None:
    """None is a legal attribute value; of any other attribute it is kept."""
    found = only(request(span(event(audit__reason=None, audit__outcome=None, extra=None))))
    assert (found.reason, found.outcome, found.metadata) == (None, "success", {"extra": None})


def test_a_stream_report_is_no_entry() -> None:
    """It is journalled as what it is."""
    extracted = extract(
        request(span(event(wire.STREAM_REPORT, audit__source__id="s", **{"audit.source.last": 4}))), RECEPTION
    )
    assert extracted.entries == ()
    (draft,) = extracted.reports
    assert draft.kind == "report"
    assert orjson.loads(draft.values)["source"]["id"] == "s"


@pytest.mark.parametrize(
    ("minutes", "marks"), [(-5.1, ("ahead",)), (-5, ()), (0, ()), (5, ()), (5.1, ("late",)), (3000, ("late",))]
)
def test_an_event_far_from_its_receipt_is_marked(minutes: float, marks: tuple[str, ...]) -> None:
    """More than five minutes before or after: a wrong clock, or a long way here; nearer ones are not."""
    received_ns = NOON + int(minutes * 60) * SECOND
    found = only(request(span(event(audit__reason="x"))), Reception(received_ns))
    assert found.anomalies == marks


def test_the_same_event_on_its_span_and_on_a_carrier_is_one() -> None:
    """What a repeat is compared by does not change with what carries it."""
    own = request(span(event(audit__record__id=ID, audit__reason="x")))
    carrier = span(event(audit__record__id=ID, audit__reason="x"), span_id=CARRIER_SPAN, parent=INNER_SPAN)
    there = [extract(each, RECEPTION).entries[0] for each in (own, request(carrier, scope=wire.SCOPE))]
    assert there[0].event_id == there[1].event_id
    assert there[0].digest == there[1].digest


def test_a_number_that_json_cannot_say_is_kept_by_its_name() -> None:
    """As OTLP's JSON says it; null would be another value."""
    found = only(request(span(event(audit__reason="x", a=float("nan"), b=float("inf"), c=float("-inf"), d=1.5))))
    assert found.metadata == {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": 1.5}


REDACTOR = Redactor(Rules(pseudonym_key=b"one key for SDK and receiver"))
OTHERWISE = Redactor(Rules(pseudonym_key=b"another key, of the receiver", cards="remove", personal="remove"))


@pytest.mark.parametrize("receivers", [REDACTOR, OTHERWISE, Redactor()], ids=["its", "another's", "none"])
def test_what_the_sdk_has_redacted_is_a_repeat_whatever_the_receivers_rules(receivers: Redactor) -> None:
    """A resent event meets its twin although the receiver's key was set, changed or lost in between."""
    state = {"customer": {"name": "Mia Bauer"}, "card": "4111111111111111", "note": "DE89370400440532013000"}
    said = {"user.email": "mia@example.com", "audit.target.after": orjson.dumps(state).decode(), "password": "x"}
    clean, count = REDACTOR.redact(said)
    assert count == 5
    whole = request(span(event(audit__reason="x", **{key.replace(".", "__"): value for key, value in clean.items()})))
    plain = Reception(NOON + SECOND, redactor=Redactor(Rules(fields={"nothing": "keep"})))
    [expected] = extract(whole, plain).entries
    [draft] = extract(whole, Reception(NOON + SECOND, redactor=receivers)).entries
    assert (draft.digest, draft.values) == (expected.digest, expected.values)
    assert entry(draft).new_state == orjson.loads(clean["audit.target.after"])


def test_a_person_is_a_pseudonym_and_an_id_stays() -> None:
    """What people are found by is no secret; related keys are of ids, or of pseudonyms."""
    attributes = {"user__id": "u-1", "user__email": "mia@example.com", "audit__metadata__tax_id": "12 345 678 903"}
    found = only(
        request(span(event(audit__reason="x", audit__target__id="c-1", audit__actor__type="user", **attributes))),
        Reception(NOON, redactor=REDACTOR),
    )
    assert (found.user_id, found.resource_id) == ("u-1", "c-1")
    assert is_pseudonym(found.user_email)
    assert f"tax:{found.metadata['tax_id']}" in found.related
    assert is_pseudonym(found.metadata["tax_id"])


def test_a_long_field_is_cut_and_the_event_recorded() -> None:
    """The others are whole; a repeat is cut alike, and is none that differs."""
    state = {"status": "paid", "blob": "x" * 300_000}
    whole = request(span(event(audit__reason="x", audit__target__after=orjson.dumps(state).decode())))
    [first], [again] = (extract(whole, RECEPTION).entries for _ in range(2))
    found = entry(first)
    assert found.new_state["status"] == "paid"
    assert "[cut " in found.new_state["blob"]
    assert len(first.values) < 140_000
    assert first.digest == again.digest


def test_what_is_too_large_is_set_aside_redacted() -> None:
    """However large: the bytes that are kept hold no secret."""
    sly = {"password": "hunter2hunter2", "note": "4111 1111 1111 1111", "audit__metadata__email": "mia@example.com"}
    whole = request(span(event(audit__reason="x" * 2_000_000, **sly)))
    (draft,) = extract(whole, RECEPTION).quarantined
    raw = b64decode(orjson.loads(draft.values)["raw"])
    assert len(raw) > RECEPTION.event_max_bytes
    for secret in (b"hunter2", b"4111 1111", b"mia@"):
        assert secret not in raw
