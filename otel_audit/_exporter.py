"""Sending carriers to the receiver: OTLP over gRPC or HTTP, apart from the application's own exporters."""

import os
from typing import Protocol

# gRPC reads this when it is first used: without it a forked worker could send nothing.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "true")

import grpc
import grpc._channel  # grpc would load it later, on our thread: a fork meanwhile leaves the child half a module
import requests

from otel_audit._config import Config

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_RETRY_INFO = "google.rpc.retryinfo-bin"
#: Answers after which the same request may be sent again (OTLP specification, "Failures").
_AGAIN_GRPC = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
        # Not sent by a receiver that holds it against us: a token may be put right, a limit may pass.
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)
_AGAIN_HTTP = frozenset({401, 403, 408, 429, 500, 502, 503, 504})


class Again(Exception):
    """Not taken now; the same request may be sent again."""


class Rejected(Exception):
    """Refused for good: sending it again cannot help."""


class Exporter(Protocol):
    """Sends one request at a time; used by one thread."""

    def send(self, body: bytes) -> None:
        """Return once the receiver has answered that it took *body*; raises Again or Rejected."""

    def close(self) -> None:
        """Let go of the connection."""


def open_exporter(config: Config) -> Exporter:
    """The exporter for the configured protocol; it connects at the first request."""
    return GrpcExporter(config) if config.protocol == "grpc" else HttpExporter(config)


class GrpcExporter:
    """OTLP over gRPC with the bytes as they are."""

    def __init__(self, config: Config) -> None:
        self._timeout_s = config.timeout_s
        self._metadata = tuple(config.headers.items())
        options = [("grpc.max_send_message_length", -1)]
        if config.secure:
            authority = config.certificate.read_bytes() if config.certificate else None
            credentials = grpc.ssl_channel_credentials(root_certificates=authority)
            self._channel = grpc.secure_channel(config.target, credentials, options=options)
        else:
            self._channel = grpc.insecure_channel(config.target, options=options)
        self._export = self._channel.unary_unary(_EXPORT, _as_is, _as_is)

    def send(self, body: bytes) -> None:
        """See :class:`Exporter`."""
        try:
            self._export(body, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise (Again if _may_help(error) else Rejected)(f"{error.code().name}: {error.details()}") from error

    def close(self) -> None:
        """See :class:`Exporter`."""
        self._channel.close()


class HttpExporter:
    """OTLP over HTTP with protobuf bodies."""

    def __init__(self, config: Config) -> None:
        self._url = config.traces_url
        self._timeout_s = config.timeout_s
        self._session = requests.Session()
        self._session.headers.update({**config.headers, "Content-Type": "application/x-protobuf"})
        if config.certificate is not None:
            self._session.verify = str(config.certificate)

    def send(self, body: bytes) -> None:
        """See :class:`Exporter`."""
        try:
            answer = self._session.post(self._url, data=body, timeout=self._timeout_s)
        except requests.RequestException as error:
            raise Again(str(error)) from error
        if answer.status_code != 200:
            raise (Again if answer.status_code in _AGAIN_HTTP else Rejected)(f"{answer.status_code} {answer.reason}")

    def close(self) -> None:
        """See :class:`Exporter`."""
        self._session.close()


def _may_help(error: grpc.RpcError) -> bool:
    """Whether sending again may help; "exhausted" may only when the server says when, else the request is too large."""
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return any(pair.key == _RETRY_INFO for pair in error.trailing_metadata() or ())
    return error.code() in _AGAIN_GRPC


def _as_is(body: bytes) -> bytes:
    return body
