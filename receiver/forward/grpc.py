"""OTLP over gRPC to a backend: raw bytes, no serializers."""

from collections.abc import Iterable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from receiver.config import Forward
from receiver.forward.exporter import USER_AGENT, taken, tls_context
from receiver.forward.outcome import Later, Never, Outcome
from receiver.signal import SIGNALS, Signal

#: After these the same request is welcome again, says OTLP.
RETRYABLE = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
#: What these refuse is not the request but its sender, or the whole signal: smaller parts fare no better.
WHOLLY = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED})
#: A backend that comes back is found again after so long at most, in milliseconds.
_RECONNECT_MAX_MS = 5000
_COMPRESSION = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}


class GrpcExporter:
    """A channel to one backend; it connects by itself, and again after each loss."""

    def __init__(self, settings: Forward) -> None:
        self._timeout_s = settings.timeout_s
        self._metadata = tuple(settings.headers.items())
        self._channel = _channel(settings)
        self._calls = {
            name: self._channel.unary_unary(signal.method, request_serializer=None, response_deserializer=None)
            for name, signal in SIGNALS.items()
        }

    async def export(self, signal: Signal, body: bytes) -> Outcome:
        """Send *body*."""
        try:
            answer = await self._calls[signal.name](body, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            return _outcome(error)
        return taken(signal, answer)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


def _channel(settings: Forward) -> Any:
    options = [
        ("grpc.primary_user_agent", USER_AGENT),
        ("grpc.max_reconnect_backoff_ms", _RECONNECT_MAX_MS),
        # Servers allow a ping in five minutes. None is ever sent, for no call lasts so long; but with this set the
        # system closes a connection on which nothing is acknowledged for 20 seconds, and another one is made.
        ("grpc.keepalive_time_ms", 310_000),
    ]
    compression = _COMPRESSION[settings.compression]
    if settings.endpoint.startswith("http:"):
        return grpc.aio.insecure_channel(str(settings.address), options, compression)
    tls_context(settings)  # gRPC itself takes whatever it is given, and never connects
    files = (settings.tls.ca, settings.tls.key, settings.tls.certificate)
    ca, key, certificate = (None if file is None else file.read_bytes() for file in files)
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return grpc.aio.secure_channel(str(settings.address), credentials, options, compression)


def _outcome(error: grpc.aio.AioRpcError) -> Outcome:
    code = error.code()
    problem = f"{code.name}: {error.details() or ''}"[:300]
    after_s = _retry_delay_s(error.trailing_metadata() or ())
    if code in RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after_s is not None):
        return Later(problem, after_s)
    return Never(code.name, problem, parts_fit=code not in WHOLLY)


def _retry_delay_s(trailers: Iterable[Any]) -> float | None:
    """The pause that a RetryInfo asks for, wherever the backend put it."""
    for name, value in trailers:
        info = RetryInfo()
        try:
            if name == "google.rpc.retryinfo-bin":
                info.ParseFromString(value)
            elif name != "grpc-status-details-bin" or not any(
                detail.Unpack(info) for detail in Status.FromString(value).details
            ):
                continue
        except DecodeError:
            continue
        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None
