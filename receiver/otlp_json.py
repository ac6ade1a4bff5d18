"""Requests in OTLP/JSON: typed on the way in, protobuf bytes on the way out.

The encoding is protobuf's JSON mapping with three differences (OTLP specification, "JSON Protobuf Encoding"):
trace and span ids are hex, enums are numbers, unknown fields are passed over. Names of enums are read too.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec
from google.protobuf.message import Error as ProtobufError
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from receiver.errors import Refused
from receiver.signal import Name, Signal

#: A 64-bit number: a decimal string, or a number where the sender's JSON can say it.
Int64 = int | str
#: An enum: its number, or its name.
Enum = int | str


class _Part(msgspec.Struct, rename="camel"):
    """One message of the request; ``null`` and an absent field both mean the default."""

    proto: ClassVar[type[Message]]

    def to_proto(self) -> Message:
        """The same in protobuf; ValueError for what does not fit there."""
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        return self.proto(**{name: _read(name, value) for name, value in said.items() if value is not None})


class AnyValue(_Part):
    proto = common_pb2.AnyValue
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Int64 | None = None
    double_value: float | str | None = None
    array_value: "ArrayValue | None" = None
    kvlist_value: "KeyValueList | None" = None
    bytes_value: str | None = None


class ArrayValue(_Part):
    proto = common_pb2.ArrayValue
    values: list[AnyValue] | None = None


class KeyValue(_Part):
    proto = common_pb2.KeyValue
    key: str | None = None
    value: AnyValue | None = None


class KeyValueList(_Part):
    proto = common_pb2.KeyValueList
    values: list[KeyValue] | None = None


class Event(_Part):
    proto = trace_pb2.Span.Event
    time_unix_nano: Int64 | None = None
    name: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: int | None = None


class Link(_Part):
    proto = trace_pb2.Span.Link
    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: int | None = None
    flags: int | None = None


class Status(_Part):
    proto = trace_pb2.Status
    message: str | None = None
    code: Enum | None = None


class Span(_Part):
    proto = trace_pb2.Span
    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    parent_span_id: str | None = None
    flags: int | None = None
    name: str | None = None
    kind: Enum | None = None
    start_time_unix_nano: Int64 | None = None
    end_time_unix_nano: Int64 | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: int | None = None
    events: list[Event] | None = None
    dropped_events_count: int | None = None
    links: list[Link] | None = None
    dropped_links_count: int | None = None
    status: Status | None = None


class Scope(_Part):
    proto = common_pb2.InstrumentationScope
    name: str | None = None
    version: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: int | None = None


class ScopeSpans(_Part):
    proto = trace_pb2.ScopeSpans
    scope: Scope | None = None
    spans: list[Span] | None = None
    schema_url: str | None = None


class Resource(_Part):
    proto = resource_pb2.Resource
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: int | None = None


class ResourceSpans(_Part):
    proto = trace_pb2.ResourceSpans
    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None
    schema_url: str | None = None


class TraceRequest(_Part):
    proto = trace_service_pb2.ExportTraceServiceRequest
    resource_spans: list[ResourceSpans] | None = None


class LogRecord(_Part):
    proto = logs_pb2.LogRecord
    time_unix_nano: Int64 | None = None
    observed_time_unix_nano: Int64 | None = None
    severity_number: Enum | None = None
    severity_text: str | None = None
    body: AnyValue | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: int | None = None
    flags: int | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class ScopeLogs(_Part):
    proto = logs_pb2.ScopeLogs
    scope: Scope | None = None
    log_records: list[LogRecord] | None = None
    schema_url: str | None = None


class ResourceLogs(_Part):
    proto = logs_pb2.ResourceLogs
    resource: Resource | None = None
    scope_logs: list[ScopeLogs] | None = None
    schema_url: str | None = None


class LogsRequest(_Part):
    proto = logs_service_pb2.ExportLogsServiceRequest
    resource_logs: list[ResourceLogs] | None = None


_DECODERS: Mapping[Name, "msgspec.json.Decoder[Any]"] = {
    "traces": msgspec.json.Decoder(TraceRequest),
    "logs": msgspec.json.Decoder(LogsRequest),
}


def request_bytes(signal: Signal, body: bytes) -> bytes:
    """The serialized request of *signal* that the JSON *body* says; Refused, saying why, when it says none."""
    try:
        request: bytes = _DECODERS[signal.name].decode(body).to_proto().SerializeToString()
    except (ValueError, msgspec.MsgspecError, ProtobufError) as error:
        raise Refused(f"the body is not an {signal.request.DESCRIPTOR.name} in JSON: {error}") from error
    except RecursionError as error:
        raise Refused("the body is nested too deeply") from error
    return request


def _enum(enum: Any, value: Enum) -> Any:
    return enum.Value(value) if isinstance(value, str) else value


#: Fields whose JSON is not simply their value.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "trace_id": bytes.fromhex,
    "span_id": bytes.fromhex,
    "parent_span_id": bytes.fromhex,
    "time_unix_nano": int,
    "start_time_unix_nano": int,
    "end_time_unix_nano": int,
    "int_value": int,
    "double_value": float,
    "bytes_value": partial(b64decode, validate=True),
    "kind": partial(_enum, trace_pb2.Span.SpanKind),
    "code": partial(_enum, trace_pb2.Status.StatusCode),
    "observed_time_unix_nano": int,
    "severity_number": partial(_enum, logs_pb2.SeverityNumber),
}


def _read(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [part.to_proto() for part in value]
    if isinstance(value, _Part):
        return value.to_proto()
    reader = _READERS.get(name)
    return value if reader is None else reader(value)
