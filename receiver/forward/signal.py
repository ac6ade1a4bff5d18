"""The two signals that are forwarded, and what each is called on the wire."""

from dataclasses import dataclass
from typing import Any, Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Name = Literal["traces", "logs"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One of OTLP's services, its messages, and the fields that lead from a request to its spans or records."""

    name: Name
    method: str
    path: str
    request: Any
    response: Any
    record: Any
    resources: str
    scopes: str
    records: str

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
    method="/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    path="/v1/traces",
    request=ExportTraceServiceRequest,
    response=ExportTraceServiceResponse,
    record=Span,
    resources="resource_spans",
    scopes="scope_spans",
    records="spans",
)
LOGS = Signal(
    name="logs",
    method="/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    path="/v1/logs",
    request=ExportLogsServiceRequest,
    response=ExportLogsServiceResponse,
    record=LogRecord,
    resources="resource_logs",
    scopes="scope_logs",
    records="log_records",
)
SIGNALS: dict[Name, Signal] = {"traces": TRACES, "logs": LOGS}
