"""The far end of the SDK's tests: a real OTLP server in this process that keeps what it is sent."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_audit import wire

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class FarEnd:
    """What arrived. ``refusals`` is how many requests are still to be answered "not now"; a request of more
    than ``bytes_max`` bytes is too large."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.refusals = 0
        self.bytes_max = 1 << 30
        self.endpoint = ""
        self._lock = threading.Lock()

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Keep a request, or say "not now"."""
        with self._lock:
            if self.refusals:
                self.refusals -= 1
                return False
            self.requests.append(ExportTraceServiceRequest.FromString(body))
            self.headers.append(headers)
            return True

    def spans(self, of_ours: bool) -> list[Span]:
        """The carriers, or the application's own spans."""
        return [
            span
            for request in self.requests
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            if (scope_spans.scope.name == wire.SCOPE) is of_ours
            for span in scope_spans.spans
        ]

    @property
    def carriers(self) -> list[Span]:
        """The carrier spans, as they came."""
        return self.spans(of_ours=True)


def attributes(key_values: Any) -> dict[str, Any]:
    """Protobuf attributes of simple kinds as a dict."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in key_values}


@contextmanager
def over_grpc() -> Iterator[FarEnd]:
    """A gRPC server on a free port."""
    far_end = FarEnd()

    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        if len(body) > far_end.bytes_max:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")
        if not far_end.take(body, headers):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return ExportTraceServiceResponse().SerializeToString()

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(export) if call.method == _METHOD else None

    server = grpc.server(ThreadPoolExecutor(4), handlers=[Handler()])
    far_end.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield far_end
    finally:
        server.stop(None).wait()


@contextmanager
def over_http() -> Iterator[FarEnd]:
    """An HTTP server on a free port."""
    far_end = FarEnd()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken = len(body) <= far_end.bytes_max and far_end.take(body, dict(self.headers.items()))
            self.send_response(200 if taken else 413 if len(body) > far_end.bytes_max else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    far_end.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield far_end
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
