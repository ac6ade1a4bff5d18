"""An OTLP backend that does as it is told: answers, refuses, asks for patience, or never answers at all."""

import contextlib
import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import zstandard
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

_SERVICES = {
    "/v1/traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "/v1/logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}


@dataclass(frozen=True)
class Reply:
    """What is answered, over gRPC and over HTTP; *asks_s* comes as RetryInfo or Retry-After."""

    grpc: StatusCode = StatusCode.OK
    http: int = 200
    body: bytes = b""
    asks_s: float | None = None
    hangs: bool = False


OK = Reply()
AWAY = Reply(StatusCode.UNAVAILABLE, 503)
BROKEN = Reply(StatusCode.INVALID_ARGUMENT, 400)
TOO_LARGE = Reply(StatusCode.RESOURCE_EXHAUSTED, 413)
UNAUTHENTICATED = Reply(StatusCode.UNAUTHENTICATED, 401)
HANGING = Reply(hangs=True)


@dataclass
class Backend:
    """Where it listens, what it was sent, and how it answers; *answer* may be changed at any time."""

    endpoint: str = ""
    answer: Callable[[bytes], Reply] = lambda body: OK
    #: Of every request: path, body without compression, headers.
    requests: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    #: Of those it said yes to: the bodies.
    taken: list[bytes] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def reply(self, path: str, body: bytes, headers: dict[str, str], waits: Callable[[], bool] = lambda: True) -> Reply:
        """Take note of a request; a hanging one stays as long as its sender *waits*, or till the end."""
        self.requests.append((path, body, headers))
        reply = self.answer(body)
        if reply.hangs:
            while waits() and not self._ended.wait(0.05):
                pass
        elif reply.http == 200:
            self.taken.append(body)
        return reply

    def eventually(self, enough: Callable[["Backend"], bool], max_s: float = 20) -> None:
        """Return once *enough* says so; AssertionError when it never does."""
        deadline = time.monotonic() + max_s
        while not enough(self):
            assert time.monotonic() < deadline, f"{len(self.requests)} requests, {len(self.taken)} taken, not enough"
            time.sleep(0.02)

    def end(self) -> None:
        """Let go of who hangs."""
        self._ended.set()


@contextlib.contextmanager
def running(protocol: str, port: int = 0, credentials: Any = None) -> Iterator[Backend]:
    """A backend on loopback, on *port* or a free one; over TLS with gRPC's *credentials*."""
    with _over_grpc(port, credentials) if protocol == "grpc" else _over_http(port, credentials) as backend:
        yield backend


@contextlib.contextmanager
def _over_grpc(port: int, credentials: Any) -> Iterator[Backend]:
    backend = Backend()
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
    for path, service in _SERVICES.items():
        method: Any = grpc.unary_unary_rpc_method_handler(_handler(backend, path))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
    at = f"127.0.0.1:{port}"
    bound = server.add_insecure_port(at) if credentials is None else server.add_secure_port(at, credentials)
    backend.endpoint = f"http://127.0.0.1:{bound}" if credentials is None else f"https://localhost:{bound}"
    server.start()
    try:
        yield backend
    finally:
        backend.end()
        server.stop(None).wait()


def _handler(backend: Backend, path: str) -> Callable[[bytes, Any], bytes]:
    def handle(body: bytes, context: Any) -> bytes:
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        reply = backend.reply(path, body, headers, context.is_active)
        if reply.grpc is StatusCode.OK:
            return reply.body
        if reply.asks_s is not None:
            status = Status(code=reply.grpc.value[0])
            info = RetryInfo()
            info.retry_delay.FromMilliseconds(int(1000 * reply.asks_s))
            status.details.add().Pack(info)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(reply.grpc, "as told")
        raise AssertionError("abort raises")

    return handle


@contextlib.contextmanager
def _over_http(port: int, tls: Any) -> Iterator[Backend]:
    backend = Backend()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            body = {"gzip": gzip.decompress, "zstd": _unzstd}.get(headers.get("content-encoding", ""), bytes)(body)
            reply = backend.reply(self.path, body, headers)
            with contextlib.suppress(OSError):  # who was kept hanging may have gone
                self.send_response(reply.http)
                self.send_header("content-length", str(len(reply.body)))
                if reply.asks_s is not None:
                    self.send_header("retry-after", f"{reply.asks_s:.0f}")
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            """A client that went away is no error here."""

    server = Server(("127.0.0.1", port), Handler)
    scheme, host = "http", "127.0.0.1"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme, host = "https", "localhost"
    backend.endpoint = f"{scheme}://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield backend
    finally:
        backend.end()
        server.shutdown()
        thread.join()
        server.server_close()


def _unzstd(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)
