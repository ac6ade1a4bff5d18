"""What of a request goes on."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_audit import wire
from receiver.forward.outgoing import outgoing
from receiver.signal import LOGS, TRACES
from tests.receiver.otlp.requests import CARRIER_SPAN, add, event, key_values, request, span

AUDIT = event(audit__reason="x")
COPY = event(audit__reason="x", audit__copy=True)
PLAIN = event("cache.miss", key="k")


def record(name: str, **attributes: object) -> LogRecord:
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return LogRecord(event_name=name, attributes=key_values(named))


def logs(*records: LogRecord, scope: str = "app") -> ExportLogsServiceRequest:
    whole = ExportLogsServiceRequest()
    scope_logs = whole.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = scope
    scope_logs.log_records.extend(records)
    return whole


@pytest.mark.parametrize("strip", [False, True])
def test_without_audit_events_the_very_bytes_go_on(strip: bool):
    """Not even read: the same object."""
    body = request(span()).SerializeToString()
    assert outgoing(TRACES, body, False, strip) is body


def test_with_audit_events_the_very_bytes_go_on():
    """The application's spans are its own, audit events and copies on them too; unknown fields as well."""
    whole = request(span(AUDIT, COPY, PLAIN))
    body = whole.SerializeToString() + b"\xfa\x3e\x01x"  # a field of a later OTLP
    assert outgoing(TRACES, body, True, strip=False) is body


def test_carriers_do_not_go_on():
    """What held nothing else goes with them; all the rest stays, and the request is left as it is."""
    whole = request(span(PLAIN), scope="app", service="shop")
    add(whole, span(AUDIT, span_id=CARRIER_SPAN), scope=wire.SCOPE, service="shop")
    add(whole, span(AUDIT, span_id=CARRIER_SPAN), scope=wire.SCOPE, service="other")
    scope_spans = whole.resource_spans[0].scope_spans.add()
    scope_spans.scope.name = wire.SCOPE
    body = whole.SerializeToString()
    assert outgoing(TRACES, body, True, strip=False) == request(span(PLAIN)).SerializeToString()
    assert whole.SerializeToString() == body


def test_carriers_alone_are_nothing():
    """No empty request goes on."""
    whole = request(span(AUDIT), scope=wire.SCOPE)
    assert outgoing(TRACES, whole.SerializeToString(), True, strip=False) is None
    records = logs(record("order.create.success", audit__reason="x"), scope=wire.SCOPE)
    assert outgoing(LOGS, records.SerializeToString(), True, strip=False) is None


def test_stripped_spans_stay_without_their_audit_events():
    """The copies go too, and events of the application's stay in their order."""
    whole = request(span(PLAIN, AUDIT, COPY, PLAIN), span())
    left = outgoing(TRACES, whole.SerializeToString(), True, strip=True)
    assert left == request(span(PLAIN, PLAIN), span()).SerializeToString()


def test_what_has_nothing_to_strip_is_as_it_came():
    """`audit.` somewhere in a text makes no event of it: the bytes are the same."""
    whole = request(span(event("note", text="see audit.log")))
    body = whole.SerializeToString()
    assert outgoing(TRACES, body, True, strip=True) is body


def test_stripped_logs_lose_their_audit_records():
    """A log record with an event name and an audit attribute is an audit event; one without a name is a log."""
    audit, plain, unnamed = record("a.b.success", audit__x=1), record("a.b.success", x=1), record("", audit__x=1)
    whole = logs(audit, plain, unnamed)
    left = outgoing(LOGS, whole.SerializeToString(), True, strip=True)
    assert left == logs(plain, unnamed).SerializeToString()
    assert outgoing(LOGS, logs(audit).SerializeToString(), True, strip=True) is None
    assert outgoing(LOGS, whole.SerializeToString(), True, strip=False) == whole.SerializeToString()


def test_records_that_name_their_event_the_older_way_are_stripped():
    """An attribute ``event.name`` makes a log record an event, as it does where entries are made."""
    audit, plain = record("", event__name="a.b.success", audit__x=1), record("", event__name="", audit__x=1)
    whole = logs(audit, plain)
    assert outgoing(LOGS, whole.SerializeToString(), True, strip=True) == logs(plain).SerializeToString()


@pytest.mark.parametrize("strip", [False, True])
def test_what_stands_beside_stays_the_very_bytes(strip: bool):
    """Fields of a later OTLP too, at every level, and resources, scopes and spans that were empty."""
    later = b"\xfa\x3e\x01x"
    whole = request(span(PLAIN), scope="app")
    whole.resource_spans[0].schema_url = "https://example.com/1"
    beside = whole.SerializeToString()
    kept = b"\x0a" + bytes([4 + len(later)]) + b"\x0a\x00\x12\x00" + later
    carrier = request(span(AUDIT), scope=wire.SCOPE)
    body = beside + carrier.SerializeToString() + kept + later
    assert outgoing(TRACES, body, True, strip) == beside + kept + later
