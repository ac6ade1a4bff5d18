"""The far end of the SDK's tests: a real OTLP server in this process that keeps what it is sent."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_audit import wire

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_LOGS_METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


class FarEnd:
    """What arrived. ``refusals`` is how many requests are still to be answered "not now"; a request of more
    than ``bytes_max`` bytes is too large. ``receipts`` is whether an answer has one, as the receiver's does and a
    Collector's does not; ``partial`` stands in every answer to spans, which takes ``delay_s``. ``log_refusals`` and
    ``log_bytes_max`` are those of log records alone."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.log_requests: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.refusals = self.log_refusals = 0
        self.bytes_max = self.log_bytes_max = 1 << 30
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

    def take_logs(self, body: bytes) -> bool:
        """Keep a request of log records, or say "not now"."""
        with self._lock:
            if self.log_refusals:
                self.log_refusals -= 1
                return False
            self.log_requests.append(ExportLogsServiceRequest.FromString(body))
            return True

    def answer_logs(self) -> tuple[bytes, dict[str, str]]:
        """The answer to log records."""
        receipt = {"otel-audit-receipt": f"log-1 {len(self.log_requests)}-{len(self.log_requests)}"}
        return ExportLogsServiceResponse().SerializeToString(), receipt if self.receipts else {}

    @property
    def records(self) -> list[LogRecord]:
        """The log records of audit events, as they came; reports left out."""
        return [
            record
            for request in self.log_requests
            for resource_logs in request.resource_logs
            for scope_logs in resource_logs.scope_logs
            if scope_logs.scope.name == wire.SCOPE
            for record in scope_logs.log_records
            if record.event_name != wire.STREAM_REPORT
        ]

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

    def export_logs(body: bytes, context: grpc.ServicerContext) -> bytes:
        if len(body) > far_end.log_bytes_max:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")
        if not far_end.take_logs(body):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        body, beside = far_end.answer_logs()
        context.set_trailing_metadata(tuple(beside.items()))
        return body

    services = {_METHOD: export, _LOGS_METHOD: export_logs}

    class Handler(grpc.GenericRpcHandler):
        def service(self, call: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(services[call.method]) if call.method in services else None

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
            logs = self.path == "/v1/logs"
            small = len(body) <= far_end.bytes_max
            taken = small and (far_end.take_logs(body) if logs else far_end.take(body, dict(self.headers.items())))
            self.send_response(200 if taken else 503 if small else 413)
            answer, beside = (b"", {}) if not taken else far_end.answer_logs() if logs else far_end.answer()
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
