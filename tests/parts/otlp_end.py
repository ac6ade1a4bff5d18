"""An OTLP endpoint over HTTP that keeps what it is sent."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class OtlpEnd:
    """What came in."""

    def __init__(self) -> None:
        self.traces: list[Any] = []
        self.logs: list[Any] = []
        self.url = ""

    def spans(self) -> list[Any]:
        """All spans so far."""
        return [
            span
            for each in list(self.traces)
            for resource in each.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def lines(self) -> list[Any]:
        """All log records so far."""
        return [
            record
            for each in list(self.logs)
            for resource in each.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def services(self) -> set[str]:
        """Who sent them."""
        resources = [each.resource for request in self.traces for each in request.resource_spans]
        resources += [each.resource for request in self.logs for each in request.resource_logs]
        return {
            pair.value.string_value
            for resource in resources
            for pair in resource.attributes
            if pair.key == "service.name"
        }


@contextmanager
def listening() -> Iterator[OtlpEnd]:
    """One on a free port of loopback."""
    end = OtlpEnd()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                end.traces.append(ExportTraceServiceRequest.FromString(body))
            else:
                end.logs.append(ExportLogsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    end.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield end
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
