"""A proxy before a real Elasticsearch that goes wrong as it is told."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import orjson

_PASSED_ON = ("content-type", "accept", "authorization")


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_bulk(self) -> bool:
        """Whether it is a bulk request."""
        return self.path.partition("?")[0].endswith("/_bulk")


@dataclass(frozen=True)
class Answered:
    """An answer; ``status`` 0 closes the connection instead."""

    status: int
    body: bytes = b""


#: Asks the server behind.
Upstream = Callable[[Asked], Answered]
#: What goes wrong; None lets the request pass.
Fault = Callable[[Asked, Upstream], Answered | None]

GONE = Answered(0)


def gone(_: Asked, __: Upstream) -> Answered:
    """Nobody answers."""
    return GONE


def answer_lost(asked: Asked, upstream: Upstream) -> Answered:
    """It is done, and nobody hears of it."""
    upstream(asked)
    return GONE


def slow(seconds: float) -> Fault:
    """Everything takes its time."""

    def fault(_: Asked, __: Upstream) -> None:
        time.sleep(seconds)

    return fault


def status(code: int) -> Fault:
    """Every request is refused for now."""

    def fault(_: Asked, __: Upstream) -> Answered:
        return Answered(code, orjson.dumps({"error": {"type": "told_to", "reason": "told to"}, "status": code}))

    return fault


def half_bulk(*codes: int) -> Fault:
    """Of each bulk every second item is done, the others are refused for now, with *codes* in turn."""

    def fault(asked: Asked, upstream: Upstream) -> Answered | None:
        if not asked.is_bulk:
            return None
        items = _items(asked.body)
        refused = {at: codes[at // 2 % len(codes)] for at in range(1, len(items), 2)}
        return _mixed(asked, items, {at: _refusal(code) for at, code in refused.items()}, upstream)

    return fault


def first_try(outcome: dict[str, Any]) -> Fault:
    """Each document is refused for good the first time it comes; nothing of it is stored."""
    seen: set[bytes] = set()

    def fault(asked: Asked, upstream: Upstream) -> Answered | None:
        if not asked.is_bulk:
            return None
        items = _items(asked.body)
        fresh = [at for at, (action, _) in enumerate(items) if action not in seen]
        seen.update(items[at][0] for at in fresh)
        return _mixed(asked, items, dict.fromkeys(fresh, outcome), upstream)

    return fault


#: A mapping that does not take the document, and a server that put it aside instead.
REJECTED = {"status": 400, "error": {"type": "document_parsing_exception", "reason": "told to"}}
PUT_ASIDE = {"status": 201, "failure_store": "used"}


def _refusal(code: int) -> dict[str, Any]:
    kind = "es_rejected_execution_exception" if code == 429 else "unavailable_shards_exception"
    return {"status": code, "error": {"type": kind, "reason": "told to"}}


def _items(body: bytes) -> list[tuple[bytes, bytes]]:
    lines = body.split(b"\n")
    return list(zip(lines[0::2], lines[1::2], strict=False))


def _mixed(
    asked: Asked, items: Sequence[tuple[bytes, bytes]], outcomes: dict[int, dict[str, Any]], upstream: Upstream
) -> Answered:
    """The server's own answer for the items without an outcome of ours."""
    passed = [item for at, item in enumerate(items) if at not in outcomes]
    told: list[Any] = []
    if passed:
        body = b"".join(line + b"\n" for item in passed for line in item)
        answer = upstream(Asked(asked.method, asked.path, asked.headers, body))
        if answer.status != 200:
            return answer
        told = orjson.loads(answer.body)["items"]
    theirs = iter(told)
    mixed = [
        {next(iter(orjson.loads(action))): outcomes[at]} if at in outcomes else next(theirs)
        for at, (action, _) in enumerate(items)
    ]
    return Answered(200, orjson.dumps({"took": 1, "errors": True, "items": mixed}))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Who asked was killed: that is what this is for."""


class FaultyProxy:
    """Passes everything on, unless ``fault`` says otherwise; ``hits`` counts the requests it decided on."""

    def __init__(self, upstream: str) -> None:
        self.fault: Fault | None = None
        self.hits = 0
        self._client = httpx.Client(base_url=upstream, timeout=60)
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._client.close()

    def _ask(self, asked: Asked) -> Answered:
        headers = {name: value for name, value in asked.headers.items() if name.lower() in _PASSED_ON}
        answer = self._client.request(asked.method, asked.path, headers=headers, content=asked.body)
        return Answered(answer.status_code, answer.content)

    def _answer(self, asked: Asked) -> Answered:
        if (fault := self.fault) is not None and (decided := fault(asked, self._ask)) is not None:
            self.hits += 1
            return decided
        if fault is not None:
            self.hits += 1
        return self._ask(asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                answer = proxy._answer(Asked(self.command, self.path, dict(self.headers), body))
                if answer.status == 0:
                    self.close_connection = True
                    return
                with contextlib.suppress(OSError):  # who asked has gone
                    self.send_response(answer.status)
                    self.send_header("x-elastic-product", "Elasticsearch")
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(answer.body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextlib.contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """A proxy before *upstream*, gone when the block ends."""
    proxy = FaultyProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
