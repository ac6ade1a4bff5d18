"""Another place's traces, and what it may do instead of answering."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from receiver.errors import Unavailable
from receiver.traces.jaeger import JaegerSource
from receiver.traces.memory import MemorySpans
from receiver.traces.port import Found, TraceSource
from receiver.traces.sources import OWN, Sources
from tests.contracts.spans import TRACE, span
from tests.receiver.otlp.requests import INNER_SPAN, SERVER_SPAN
from tests.receiver.otlp.requests import TRACE as OTLP_TRACE

ID = OTLP_TRACE.hex()


def whole() -> bytes:
    """Two spans in OTLP's JSON, ids in hex."""
    spans = [
        {"traceId": ID, "spanId": SERVER_SPAN.hex(), "name": "POST /orders", "kind": 2,
         "startTimeUnixNano": "1000", "endTimeUnixNano": "9000", "status": {}},
        {"traceId": ID, "spanId": INNER_SPAN.hex(), "parentSpanId": SERVER_SPAN.hex(), "name": "work", "kind": 1,
         "startTimeUnixNano": "2000", "endTimeUnixNano": "3000", "status": {"code": 2, "message": "it broke"},
         "attributes": [{"key": "password", "value": {"stringValue": "hunter2hunter2"}}]},
    ]  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "order"}}]}
    return json.dumps(
        {"result": {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}}
    ).encode()


@contextmanager
def serving(respond: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that does to each request what *respond* says, as its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def saying(body: bytes, status: int = 200) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    """Always this."""

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return respond


@contextmanager
def jaeger(respond: Any, timeout_s: float = 5, most: int = 100, **headers: str) -> Iterator[JaegerSource]:
    with serving(respond) as url:
        source = JaegerSource(url, headers, "default", timeout_s, most)
        yield source
        source.close()


def test_a_trace_is_read_and_redacted() -> None:
    """Spans by start, with what an entry is joined by; a secret in them is not shown."""
    with jaeger(saying(whole())) as source:
        found = source.trace("default", ID)
    assert [(each.name, each.service, each.kind, each.status) for each in found.spans] == [
        ("POST /orders", "order", "server", "unset"),
        ("work", "order", "internal", "error"),
    ]
    assert found.spans[1].parent_span_id == found.spans[0].span_id
    assert "hunter2" not in str(found.spans[1].attributes)
    assert not found.truncated


def test_an_answer_in_several_lines_is_one_trace() -> None:
    """As a gateway streams it; a span that comes twice is one."""
    with jaeger(saying(whole() + b"\n" + whole() + b"\n")) as source:
        assert len(source.trace("default", ID).spans) == 2


def test_more_spans_than_are_read_are_cut_and_said() -> None:
    """The first ones are shown."""
    with jaeger(saying(whole()), most=1) as source:
        found = source.trace("default", ID)
    assert ([each.name for each in found.spans], found.truncated) == (["POST /orders"], True)


def test_a_trace_it_does_not_know_is_none() -> None:
    """Which is no trouble."""
    with jaeger(saying(b'{"error":{"httpCode":404}}', 404)) as source:
        assert source.trace("default", ID) == Found((), False)


def test_it_is_one_tenants() -> None:
    """Another's question does not even reach it."""
    with jaeger(saying(whole())) as source:
        assert source.trace("other", ID) == Found((), False)


def test_headers_are_sent_along() -> None:
    """For a proxy that asks who comes."""
    heard: list[str | None] = []

    def respond(request: http.server.BaseHTTPRequestHandler) -> None:
        heard.append(request.headers.get("authorization"))
        saying(b"", 404)(request)

    with jaeger(respond, authorization="Bearer x") as source:
        source.trace("default", ID)
    assert heard == ["Bearer x"]


def _drips(request: http.server.BaseHTTPRequestHandler) -> None:
    """A byte now and then, for as long as somebody listens."""
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(100):
            request.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize(
    "respond",
    [
        saying(b"", 500),
        saying(b"<html>"),
        saying(b"{}"),
        saying(b'{"result": 7}'),
        saying(b'{"result": {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}}'),
        _drips,
        lambda request: request.connection.close(),
    ],
    ids=["500", "no JSON", "no result", "a number", "broken ids", "too slow", "hangs up"],
)
def test_what_is_no_answer_is_unavailable(respond: Any) -> None:
    """Within the time, whatever it does."""
    with jaeger(respond, timeout_s=0.5) as source, pytest.raises(Unavailable):
        source.trace("default", ID)


def test_nobody_there_is_unavailable() -> None:
    """As is a name that leads nowhere."""
    with serving(saying(b"")) as url:
        pass
    source = JaegerSource(url, {}, "default", 1, 10)
    with pytest.raises(Unavailable):
        source.trace("default", ID)
    source.close()


# -- one after the other


class Away:
    """A source that does not answer."""

    name = "away"

    def trace(self, tenant: str, trace_id: str) -> Found:
        raise Unavailable("it is away")

    def close(self) -> None:
        """Nothing is open."""


def knowing(*spans: Any) -> TraceSource:
    store = MemorySpans(100)
    store.put(spans)
    return store


def test_the_first_that_knows_the_trace_is_asked_no_further() -> None:
    """In the order of the list."""
    asked: list[str] = []

    def opened(name: str, source: TraceSource) -> Callable[[], TraceSource]:
        def open_it() -> TraceSource:
            asked.append(name)
            return source

        return open_it

    sources = Sources({"a": opened("a", knowing()), OWN: opened(OWN, knowing(span(1))), "c": opened("c", knowing())})
    sought = sources.find("default", TRACE)
    assert (asked, sought.source, sought.is_own, sought.warnings) == (["a", OWN], "memory", True, ())
    assert len(sought.found.spans) == 1


def test_one_that_is_away_is_named_and_the_next_is_asked() -> None:
    """Also where it cannot even be opened."""

    def broken() -> TraceSource:
        raise Unavailable("no file yet")

    sources = Sources({"1 (jaeger, http://x)": Away, OWN: broken, "3": lambda: knowing(span(1))})
    sought = sources.find("default", TRACE)
    assert (sought.source, sought.is_own) == ("memory", False)
    assert sought.warnings == (
        "the trace source 1 (jaeger, http://x) cannot be read: it is away",
        "the spans cannot be read: no file yet",
    )


def test_no_source_knows_it() -> None:
    """Nothing found, with who was not reached."""
    assert not Sources({})
    sought = Sources({"a": Away}).find("default", TRACE)
    assert (sought.found.spans, sought.source, len(sought.warnings)) == ((), None, 1)
