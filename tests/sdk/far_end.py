"""The far end of the SDK's tests: a real OTLP server in this process that keeps what it is sent."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_audit import wire

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class FarEnd:
    """What arrived. ``refusals`` is how many requests are still to be answered "not now"; a request of more
    than ``bytes_max`` bytes is too large. ``receipts`` is whether an answer has one, as the receiver's does and a
    Collector's does not; ``partial`` stands in every answer, which takes ``delay_s``."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.refusals = 0
        self.bytes_max = 1 << 30
        self.receipts = True
        self.delay_s = 0.0
        self.partial = ExportTracePartialSuccess()
        self.endpoint = ""
        self._lock = threading.Lock()

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Keep a request, or say "not now"."""
        time.sleep(self.delay_s)
        with self._lock:
            if self.refusals:
                self.refusals -= 1
                return False
            self.requests.append(ExportTraceServiceRequest.FromString(body))
            self.headers.append(headers)
            return True

    def answer(self) -> tuple[bytes, dict[str, str]]:
        """The answer's body and what stands beside it."""
        body = ExportTraceServiceResponse(partial_success=self.partial).SerializeToString()
        return body, {"otel-audit-receipt": f"log-1 {len(self.requests)}-{len(self.requests)}"} if self.receipts else {}

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
        """The carrier spans of audit events, as they came; reports left out."""
        return [span for span in self.spans(of_ours=True) if span.name != wire.STREAM_REPORT]

    @property
    def reports(self) -> list[dict[str, Any]]:
        """What the stream reports said."""
        return [
            attributes(span.events[0].attributes)
            for span in self.spans(of_ours=True)
            if span.name == wire.STREAM_REPORT
        ]


def attributes(key_values: Any) -> dict[str, Any]:
    """Protobuf attributes of simple kinds as a dict."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in key_values}


@contextmanager
def over_grpc(port: int = 0) -> Iterator[FarEnd]:
    """A gRPC server, on a free port unless one is named."""
    far_end = FarEnd()

    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        if len(body) > far_end.bytes_max:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")
        if not far_end.take(body, headers):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        body, beside = far_end.answer()
        context.set_trailing_metadata(tuple(beside.items()))
        return body

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(export) if call.method == _METHOD else None

    server = grpc.server(
        ThreadPoolExecutor(4), handlers=[Handler()], options=[("grpc.max_receive_message_length", 64 << 20)]
    )
    far_end.endpoint = f"http://127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
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
            answer, beside = far_end.answer() if taken else (b"", {})
            for name, value in beside.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

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
