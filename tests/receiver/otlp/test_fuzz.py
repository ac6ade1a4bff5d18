"""Whatever comes in: it is answered, nothing audit in it is passed over, and only our own errors come out."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_audit import wire
from receiver.errors import ReceiverError
from receiver.otlp import decode
from receiver.otlp.events import Found, log_events, span_events
from receiver.otlp.extract import Extracted, Reception, extract
from receiver.otlp.inflate import ENCODINGS
from receiver.otlp_json import request_bytes
from receiver.row import Row, entry_of
from receiver.signal import LOGS, TRACES, Signal
from tests.receiver.otlp.requests import event, request, server_span, span

RECEPTION = Reception(1_795_428_000_000_000_000)
_EVENTS: dict[str, Any] = {"traces": span_events, "logs": log_events}
_KEYS = st.sampled_from([*wire.FIELDS, wire.COPY, wire.SOURCE_ID, wire.SEQUENCE, wire.SIGNATURE, "audit.x", "x", ""])
_TEXTS = st.text(max_size=8) | st.sampled_from(
    ["success", "u-1", "{", '{"a": 1}', "0192f0c1-2345-7abc-8def-0123456789ab"]
)
_NUMBERS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 1_795_428_000_000_000_000, 2**64 - 1])
_IDS = st.binary(max_size=17) | st.sampled_from([bytes(16), bytes(8), b"\x01" * 16, b"\x02" * 8])


def _values() -> st.SearchStrategy[AnyValue]:
    leaves = st.one_of(
        st.just(AnyValue()),
        st.builds(AnyValue, string_value=_TEXTS),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
        st.builds(AnyValue, double_value=st.floats()),
        st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
    )
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3).map(_array), max_leaves=6)


def _array(values: list[AnyValue]) -> AnyValue:
    made = AnyValue()
    made.array_value.values.extend(values)
    return made


_ATTRIBUTES = st.lists(st.builds(KeyValue, key=_KEYS, value=_values()), max_size=6)
_SPAN_EVENTS = st.builds(Span.Event, name=_TEXTS, time_unix_nano=_NUMBERS, attributes=_ATTRIBUTES)
_SPANS = st.builds(
    Span, trace_id=_IDS, span_id=_IDS, parent_span_id=_IDS, end_time_unix_nano=_NUMBERS,
    events=st.lists(_SPAN_EVENTS, max_size=4), attributes=_ATTRIBUTES,
)  # fmt: skip
_RECORDS = st.builds(
    LogRecord, event_name=_TEXTS, time_unix_nano=_NUMBERS, observed_time_unix_nano=_NUMBERS, trace_id=_IDS,
    span_id=_IDS, body=_values(), attributes=_ATTRIBUTES,
)  # fmt: skip


def _traces(spans: list[Span]) -> ExportTraceServiceRequest:
    return request(*spans, scope="app")


def _logs(records: list[LogRecord]) -> ExportLogsServiceRequest:
    whole = ExportLogsServiceRequest()
    whole.resource_logs.add().scope_logs.add().log_records.extend(records)
    return whole


def _is_accounted_for(found: list[Found], extracted: Extracted) -> None:
    """Every event is a draft, every entry reads back."""
    assert len(extracted.drafts) == len(found)
    for draft in extracted.entries:
        row = Row(1, "entry", "default", draft.event_id, 0, draft.values, draft.seen, draft.outlier, 1)
        assert entry_of(row, "log").event_id == draft.event_id
    for draft in extracted.quarantined:
        assert {"reason", "raw", "signal"} <= orjson.loads(draft.values).keys()


@settings(max_examples=150, deadline=None)
@given(st.lists(_SPANS, max_size=3))
def test_no_span_event_is_passed_over(spans: list[Span]) -> None:
    """Whatever its attributes, ids and times hold: an entry, a report, or set aside."""
    found = list(span_events(_traces(spans).SerializeToString()))
    copies = sum(
        any(pair.key == wire.COPY and pair.value.bool_value for pair in each.attributes)
        for one in spans
        for each in one.events
    )
    audit = sum(wire.is_audit_event(pair.key for pair in each.attributes) for one in spans for each in one.events)
    assert audit - copies <= len(found) <= audit
    _is_accounted_for(found, extract(found, RECEPTION))


@settings(max_examples=150, deadline=None)
@given(st.lists(_RECORDS, max_size=4))
def test_no_log_event_is_passed_over(records: list[LogRecord]) -> None:
    """As on spans."""
    found = list(log_events(_logs(records).SerializeToString()))
    _is_accounted_for(found, extract(found, RECEPTION))


_WHOLE = request(span(event(audit__x=1), event(audit__reason="y")), server_span(url__path="/")).SerializeToString()


def _take(signal: Signal, body: bytes) -> None:
    """As the service does, up to the journal."""
    try:
        decode.has_resources(body)
        extract(_EVENTS[signal.name](body), RECEPTION)
    except ReceiverError:
        return


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from((TRACES, LOGS)),
    st.binary(max_size=60)
    | st.tuples(st.integers(0, len(_WHOLE) - 1), st.binary(min_size=1, max_size=4)).map(
        lambda change: _WHOLE[: change[0]] + change[1] + _WHOLE[change[0] + len(change[1]) :]
    )
    | st.integers(0, len(_WHOLE)).map(lambda end: _WHOLE[:end]),
)
def test_bytes_of_any_kind_are_read_or_refused(signal: Signal, body: bytes) -> None:
    """Random, garbled and cut requests."""
    _take(signal, body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["resourceSpans", "scopeSpans", "spans", "events", "attributes", "key", "value", "stringValue", "intValue",
             "resourceLogs", "scopeLogs", "logRecords", "eventName", "traceId", "timeUnixNano", "kind", "body", "x"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from((TRACES, LOGS)), _JSON.map(lambda value: repr(value).encode()) | st.binary(max_size=30) | _JSON)
def test_json_of_any_kind_is_read_or_refused(signal: Signal, said: Any) -> None:
    """Well formed or not."""
    try:
        body = said if isinstance(said, bytes) else orjson.dumps(said)
    except (TypeError, orjson.JSONEncodeError):  # an integer beyond JSON
        return
    try:
        _take(signal, request_bytes(signal, body))
    except ReceiverError:
        return


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ENCODINGS)), st.binary(max_size=80))
def test_compressed_bytes_of_any_kind_are_read_or_refused(encoding: str, body: bytes) -> None:
    """Whatever they claim to be."""
    try:
        assert len(ENCODINGS[encoding](body, 1000)) <= 1000
    except ReceiverError:
        return
