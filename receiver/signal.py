"""The two signals of OTLP that may carry audit events, and what each is called on the wire."""

from dataclasses import dataclass
from typing import Any, Literal

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Name = Literal["traces", "logs"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One of OTLP's services, its messages, and the fields that lead from a request to its spans or records."""

    name: Name
    service: str
    path: str
    request: type[Any]
    response: type[Any]
    partial_success: type[Any]
    record: type[Any]
    resources: str
    scopes: str
    records: str

    @property
    def method(self) -> str:
        """What a gRPC client calls."""
        return f"/{self.service}/Export"

    def resources_of(self, request: Any) -> Any:
        """The list of resources in *request*."""
        return getattr(request, self.resources)

    def scopes_of(self, resource: Any) -> Any:
        """The list of scopes under *resource*."""
        return getattr(resource, self.scopes)

    def records_of(self, scope: Any) -> Any:
        """The list of spans or log records under *scope*."""
        return getattr(scope, self.records)


TRACES = Signal(
    name="traces",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    path="/v1/traces",
    request=trace_service_pb2.ExportTraceServiceRequest,
    response=trace_service_pb2.ExportTraceServiceResponse,
    partial_success=trace_service_pb2.ExportTracePartialSuccess,
    record=Span,
    resources="resource_spans",
    scopes="scope_spans",
    records="spans",
)
LOGS = Signal(
    name="logs",
    service="opentelemetry.proto.collector.logs.v1.LogsService",
    path="/v1/logs",
    request=logs_service_pb2.ExportLogsServiceRequest,
    response=logs_service_pb2.ExportLogsServiceResponse,
    partial_success=logs_service_pb2.ExportLogsPartialSuccess,
    record=LogRecord,
    resources="resource_logs",
    scopes="scope_logs",
    records="log_records",
)
SIGNALS: dict[Name, Signal] = {"traces": TRACES, "logs": LOGS}
