"""The two kinds of OTLP requests that may carry audit events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from receiver.otlp_json import logs_request_bytes, trace_request_bytes


@dataclass(frozen=True, slots=True)
class Signal:
    """One of them: its names in gRPC and HTTP, its messages, and how its JSON becomes protobuf."""

    name: Literal["traces", "logs"]
    service: str
    path: str
    request: type[Any]
    response: type[Any]
    partial_success: type[Any]
    from_json: Callable[[bytes], bytes]


TRACES = Signal(
    "traces",
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "/v1/traces",
    trace_service_pb2.ExportTraceServiceRequest,
    trace_service_pb2.ExportTraceServiceResponse,
    trace_service_pb2.ExportTracePartialSuccess,
    trace_request_bytes,
)
LOGS = Signal(
    "logs",
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "/v1/logs",
    logs_service_pb2.ExportLogsServiceRequest,
    logs_service_pb2.ExportLogsServiceResponse,
    logs_service_pb2.ExportLogsPartialSuccess,
    logs_request_bytes,
)
SIGNALS = (TRACES, LOGS)
