"""The receiver's own traces and logs."""

import logging
import threading
from pathlib import Path

import pytest
from opentelemetry import trace

from receiver.acts import Ids
from receiver.config import Telemetry as Settings
from receiver.telemetry import open_telemetry
from receiver.telemetry.otlp import Otlp
from receiver.timing import step, stepped
from tests.parts.otlp_end import OtlpEnd, listening
from tests.parts.ports import free_ports
from tests.parts.receiver import running
from tests.receiver.otlp.requests import event, request, span
from tests.receiver.test_operations import acts
from tests.receiver.test_serve import send, until

_LOG = logging.getLogger("receiver.app.accept")


def told(settings: Settings, end: OtlpEnd, what: object) -> OtlpEnd:
    """*end* after *what* was done by a process with these settings."""
    telemetry = open_telemetry(settings, "accept")
    try:
        what(telemetry)  # type: ignore[operator]
    finally:
        telemetry.close()
    return end


def slow(telemetry: Otlp) -> None:
    with telemetry.watch("grpc/traces") as watched:
        watched.attributes["otel_audit.request.bytes"] = 7
        with step("journal"):
            pass
        stepped("index", [3, 1]).index(1)


def test_without_an_endpoint_nothing_is_told() -> None:
    """No thread, no provider, no ids."""
    before = threading.active_count()
    telemetry = open_telemetry(Settings(), "accept")
    slow(telemetry)  # type: ignore[arg-type]
    assert telemetry.new_span("x") == Ids(None, None)
    assert threading.active_count() == before
    telemetry.close()


def test_a_slow_request_leaves_a_trace_with_its_steps() -> None:
    """Made when it was over, with the times it had."""
    with listening() as end:
        told(Settings(endpoint=end.url, slow_ms=0, sampled=1), end, slow)
    spans = {each.name: each for each in end.spans()}
    assert spans.keys() == {"grpc/traces", "journal", "index.index"}
    root, journal = spans["grpc/traces"], spans["journal"]
    assert journal.parent_span_id == root.span_id
    assert journal.trace_id == root.trace_id
    assert root.start_time_unix_nano <= journal.start_time_unix_nano <= journal.end_time_unix_nano
    assert journal.end_time_unix_nano <= root.end_time_unix_nano
    assert end.services() == {"otel-audit"}


@pytest.mark.parametrize("settings", [{"slow_ms": 3_600_000, "sampled": 1}, {"slow_ms": 0, "sampled": 0}])
def test_what_is_quick_or_not_sampled_leaves_none(settings: dict[str, float]) -> None:
    """Most requests cost two looks at the clock."""
    with listening() as end:
        told(Settings(endpoint=end.url, **settings), end, slow)
    assert end.spans() == []


def test_log_lines_are_sent_with_their_facts() -> None:
    """The phrase is the body; severity, logger and facts stand beside it, and what went wrong."""

    def say(_: object) -> None:
        _LOG.warning("process died", extra={"child": "follow", "code": -9})
        try:
            raise ValueError("broken")
        except ValueError as error:
            _LOG.error("export failed", exc_info=error)

    with listening() as end:
        told(Settings(endpoint=end.url), end, say)
    died, failed = end.lines()
    attributes = {pair.key: pair.value.string_value for pair in died.attributes}
    assert (died.body.string_value, died.severity_text) == ("process died", "WARNING")
    assert attributes == {"log.logger": "receiver.app.accept", "child": "follow", "code": "-9"}
    assert {pair.key for pair in failed.attributes} >= {"exception.type", "exception.message"}


def test_the_sending_is_not_told() -> None:
    """Lines of the exporter and of what it is made of would go round and round."""

    def say(_: object) -> None:
        for name in ("opentelemetry.exporter.otlp", "urllib3.connectionpool", "requests"):
            logging.getLogger(name).error("failed to send")

    with listening() as end:
        told(Settings(endpoint=end.url), end, say)
    assert end.lines() == []


def test_nothing_global_is_touched() -> None:
    """An application in the same interpreter keeps its own tracing."""
    before = trace.get_tracer_provider()
    with listening() as end:
        told(Settings(endpoint=end.url), end, lambda _: None)
    assert trace.get_tracer_provider() is before
    assert not [each for each in logging.getLogger().handlers if type(each).__module__ == "receiver.telemetry.otlp"]


def test_an_endpoint_that_is_away_holds_nobody_up() -> None:
    """Its spans wait, bounded, and go with the process: the end does not wait for them all."""
    (port,) = free_ports(1)
    telemetry = open_telemetry(Settings(endpoint=f"http://127.0.0.1:{port}", slow_ms=0, sampled=1), "accept")
    for _ in range(3000):
        slow(telemetry)  # type: ignore[arg-type]
    assert isinstance(telemetry, Otlp)
    closing = threading.Thread(target=telemetry.close)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()


def test_a_receiver_tells_of_itself_and_not_of_the_telling(tmp_path: Path) -> None:
    """Its acts stand in its traces, a slow question names its route alone, and an idle receiver falls silent."""
    with listening() as end:
        settings = {"TELEMETRY__ENDPOINT": end.url, "TELEMETRY__SLOW_MS": "0", "TELEMETRY__SAMPLED": "1"}
        with running(tmp_path / "data", settings) as receiver:
            started = acts(receiver, "audit.receiver.start.success", 3)
            send(receiver, request(span(event(audit__reason="x"))).SerializeToString())
            entry = receiver.eventually("/api/v1/entries")["entries"][0]
            receiver.get(f"/api/v1/entries/{entry['event_id']}")
            until(lambda: {"GET /entries/{event_id}", "http/traces"} <= {each.name for each in end.spans()})
        spans = end.spans()
    own = {each.trace_id.hex(): each for each in spans if each.name.startswith("audit.receiver.start")}
    assert own.keys() == {each["trace_id"] for each in started}
    assert {own[each["trace_id"]].span_id.hex() for each in started} == {each["span_id"] for each in started}
    assert {"journal", "index.search", "index.get"} <= {each.name for each in spans}
    assert end.services() == {"otel-audit"}
    assert entry["event_id"] not in str(spans)
    assert {"accepting", "following", "answering"} <= {each.body.string_value for each in end.lines()}
    # Nothing of what was told was told again: a request to the endpoint leaves no span and no line.
    assert not [each for each in spans if "v1" in each.name]
    assert not [each for each in end.lines() if end.url.removeprefix("http://") in str(each)]
