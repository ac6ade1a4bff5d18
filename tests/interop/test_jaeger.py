"""A real Jaeger as the place where traces are kept."""

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.parts import jaeger
from tests.parts.receiver import running
from tests.receiver.otlp.requests import INNER_SPAN, SERVER_SPAN, TRACE, add, event, request, server_span, span

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1500)]

PROTOBUF = {"content-type": "application/x-protobuf"}


def test_entries_are_joined_with_the_trace_that_jaeger_keeps(tmp_path: Path) -> None:
    """The receiver keeps no spans itself; the entry stands on Jaeger's span, and a dead Jaeger is a warning."""
    spans = request(server_span(http__request__method="POST"), span(name="capture"), service="payment")
    add(spans, span(span_id=b"another1", parent=INNER_SPAN, name="book"), scope="app", service="ledger")
    entry = request(span(event("payment.capture.success", audit__reason="x")), service="payment")
    with jaeger.running() as (otlp, query, _):
        answer = httpx.post(f"{otlp}/v1/traces", content=spans.SerializeToString(), headers=PROTOBUF)
        assert answer.status_code == 200
        _until_known(query)
        sources = json.dumps([{"kind": "jaeger", "url": query, "timeout_s": 10}])
        settings = {"TRACES__KEEP": "none", "TRACES__SOURCES": sources}
        with running(tmp_path / "data", settings) as receiver:
            httpx.post(f"{receiver.http}/v1/traces", content=entry.SerializeToString(), headers=PROTOBUF)
            trace = receiver.eventually(f"/api/v1/traces/{TRACE.hex()}")
            assert (trace["source"], trace["complete"], trace["warnings"]) == ("jaeger", True, [])
            assert trace["services"] == ["ledger", "payment"]
            by_name = {each["name"]: each for each in trace["spans"]}
            assert by_name.keys() == {"POST /orders", "capture", "book"}
            assert by_name["capture"]["span_id"] == INNER_SPAN.hex()
            assert by_name["capture"]["parent_span_id"] == SERVER_SPAN.hex()
            assert by_name["capture"]["entries"] == [trace["entries"][0]["event_id"]]
            assert trace["dependencies"] == [{"caller": "payment", "callee": "ledger", "calls": 1, "errors": 0}]
            assert httpx.get(f"{receiver.api}/api/v1/traces/{'c' * 32}").status_code == 404
    with running(tmp_path / "data", settings) as receiver:
        trace = receiver.eventually(f"/api/v1/traces/{TRACE.hex()}")
        assert (trace["source"], len(trace["entries"])) == (None, 1)
        assert "cannot be read" in str(trace["warnings"])


def _until_known(query: str) -> None:
    deadline = time.monotonic() + 30
    while httpx.get(f"{query}/api/v3/traces/{TRACE.hex()}").status_code != 200:
        assert time.monotonic() < deadline, "Jaeger does not show the trace"
        time.sleep(0.1)
