"""The two services of OTLP that take audit events, and what each is called on the wire."""

from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse


@dataclass(frozen=True, slots=True)
class Signal:
    """Where requests of one kind go, and how their answers are read: *rejected* names the field that counts."""

    path: str
    method: str
    response: type[Any]
    rejected: str


SPANS = Signal(
    path="/v1/traces",
    method="/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    response=ExportTraceServiceResponse,
    rejected="rejected_spans",
)
LOGS = Signal(
    path="/v1/logs",
    method="/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    response=ExportLogsServiceResponse,
    rejected="rejected_log_records",
)
