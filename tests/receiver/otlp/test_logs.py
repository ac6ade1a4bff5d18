"""Audit events that come as log records."""

import json
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from receiver.otlp.events import log_events, span_events
from receiver.otlp.extract import Extracted, Reception
from receiver.otlp.extract import extract as extract_events
from receiver.signal import LOGS
from tests.receiver.otlp.doors import TOKENS, Doors, through
from tests.receiver.otlp.requests import INNER_SPAN, NOON, SECOND, TRACE, any_value, event, key_values, request, span

ID = "0192f0c1-2345-7abc-8def-0123456789ab"
RECEPTION = Reception(NOON + SECOND)


def record(name: str = "user.login.success", body: Any = None, **attributes: Any) -> LogRecord:
    """A log record; ``audit__reason`` stands for the key ``audit.reason``."""
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return LogRecord(
        event_name=name,
        time_unix_nano=NOON,
        trace_id=TRACE,
        span_id=INNER_SPAN,
        body=any_value(body),
        attributes=key_values(named),
    )


def logs(*records: LogRecord, service: str = "shop") -> ExportLogsServiceRequest:
    """One service's records."""
    whole = ExportLogsServiceRequest()
    resource_logs = whole.resource_logs.add()
    resource_logs.resource.attributes.extend(key_values({"service.name": service}))
    resource_logs.scope_logs.add().log_records.extend(records)
    return whole


def extract(*records: LogRecord, service: str = "shop") -> Extracted:
    return extract_events(log_events(logs(*records, service=service).SerializeToString()), RECEPTION)


def said(extracted: Extracted) -> dict[str, Any]:
    (draft,) = extracted.entries
    found: dict[str, Any] = orjson.loads(draft.values)
    return found


def test_a_record_with_a_name_and_an_audit_key_is_an_entry() -> None:
    """Its trace and span are the record's, its service the resource's, its body and severity are kept."""
    one = record(body={"a": [1, b"\x01"]}, audit__reason="x", extra=True)
    one.severity_text = "WARN"
    found = said(extract(one))
    assert (found["action"], found["reason"], found["service_name"]) == ("user.login.success", "x", "shop")
    assert (found["trace_id"], found["span_id"]) == (TRACE.hex(), INNER_SPAN.hex())
    assert found["metadata"] == {"extra": True, "body": {"a": [1, "AQ=="]}, "severity_text": "WARN"}


@pytest.mark.parametrize(
    "other",
    [
        record(message="audit.reason"),
        record("", audit__reason="x"),
        record(audit__copy=True, audit__reason="x"),
        LogRecord(body=any_value("audit.reason")),
    ],
)
def test_any_other_record_is_none(other: LogRecord) -> None:
    """Without a name, without an audit key, or a copy for people."""
    assert extract(other) == Extracted()


def test_the_older_way_to_name_an_event_is_read() -> None:
    """As an attribute; it is the name then, and no metadata."""
    found = said(extract(record("", **{"event.name": "a.b.failed"}, audit__reason="x")))
    assert (found["action"], found["metadata"]) == ("a.b.failed", {})


def test_a_span_event_and_a_record_with_one_id_are_one_entry() -> None:
    """They compare equal, whatever body the record has beside."""
    attributes = {"audit__record__id": ID, "audit__reason": "x", "n": 1}
    on_span = extract_events(span_events(request(span(event(**attributes))).SerializeToString()), RECEPTION)
    (a,), (b,) = on_span.entries, extract(record(body="beside", **attributes)).entries
    assert (a.event_id, a.digest) == (b.event_id, b.digest) == (ID, a.digest)


def test_a_time_that_is_missing_is_when_it_was_observed() -> None:
    """Else when it was received."""
    one = record(audit__reason="x")
    one.time_unix_nano, one.observed_time_unix_nano = 0, NOON - SECOND
    assert said(extract(one))["timestamp"] == "2026-11-23T09:59:59.000000000Z"
    one.observed_time_unix_nano = 0
    assert said(extract(one))["timestamp"] == "2026-11-23T10:00:01.000000000Z"


def test_ids_are_derived_the_same_each_time() -> None:
    """Equal records of one request are two, sent again they are the same two; another process's are others."""
    one = record(audit__reason="x")
    first, again = ([each.event_id for each in extract(one, one).entries] for _ in range(2))
    assert first == again
    assert len(set(first)) == 2
    one.ClearField("trace_id")
    assert extract(one).entries[0].event_id != extract(one, service="other").entries[0].event_id


def test_what_two_records_say_tells_them_apart() -> None:
    """They may come in one millisecond, each in a request of its own."""
    first, second = (extract(record(audit__reason=reason)).entries[0].event_id for reason in ("x", "y"))
    assert first != second


def test_a_broken_record_is_set_aside_with_its_bytes() -> None:
    """Its neighbours are stored."""
    broken = record(audit__outcome="maybe")
    extracted = extract(record(audit__reason="x"), broken)
    (draft,) = extracted.quarantined
    values = orjson.loads(draft.values)
    assert values["signal"] == "logs"
    assert len(extracted.entries) == 1
    assert "maybe" in extracted.problems[0]


def test_secrets_in_a_body_are_not_stored() -> None:
    """A log line is where they slip in."""
    (draft,) = extract(record(body="login with password=hunter2hunter2", audit__reason="x")).entries
    assert b"hunter2" not in draft.values


def test_records_are_taken_through_both_doors(tmp_path: Path) -> None:
    """gRPC, HTTP in protobuf and in JSON, with receipts; what is no audit event is answered and left."""

    async def what(doors: Doors) -> None:
        answer, trailers = await doors.call(logs(record("a", audit__x=1)).SerializeToString(), "shop", LOGS)
        assert isinstance(answer, ExportLogsServiceResponse)
        assert trailers["otel-audit-receipt"] == f"{doors.journal.log} 0-0"
        body = logs(record("b", audit__x=1)).SerializeToString()
        response = await doors.post(body, path="/v1/logs", authorization="Bearer shop")
        assert response.headers["otel-audit-receipt"] == f"{doors.journal.log} 1-1"
        response = await _post_json(doors, logs(record("c", audit__x=1)))
        assert (response.status_code, json.loads(response.content)) == (200, {})
        assert len(doors.rows()) == 3
        await doors.call(logs(record("d", x=1)).SerializeToString(), "shop", LOGS)
        assert len(doors.rows()) == 3
        assert doors.spooled() == []

    through(tmp_path, what, TOKENS)


async def _post_json(doors: Doors, whole: ExportLogsServiceRequest) -> httpx.Response:
    """In OTLP's JSON, the keys spelled so that no byte search finds them."""
    said = json_format.MessageToDict(whole)
    for one in (each for r in said["resourceLogs"] for s in r["scopeLogs"] for each in s["logRecords"]):
        one["traceId"], one["spanId"] = TRACE.hex(), INNER_SPAN.hex()
    body = json.dumps(said).replace("audit.", "\\u0061udit.").encode()
    assert b"audit." not in body
    return await doors.post(body, "application/json", "/v1/logs", authorization="Bearer shop")
