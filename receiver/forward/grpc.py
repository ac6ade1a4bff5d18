"""OTLP over gRPC to a backend: raw bytes, on our own HTTP/2."""

import asyncio
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from receiver.config import Forward
from receiver.forward.exporter import USER_AGENT, gzipped, taken, tls_context
from receiver.forward.outcome import Later, Never, Outcome
from receiver.http2 import frames, message
from receiver.http2.client import Answer, ClientConnection, Unanswered, connect
from receiver.http2.fields import block_of
from receiver.signal import SIGNALS, Signal

#: After these the same request is welcome again, says OTLP.
RETRYABLE = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
#: What these refuse is not the request but its sender, or the whole signal: smaller parts fare no better.
WHOLLY = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"})
#: What an answer without a status of gRPC's means, by its status of HTTP, and a stream's reset by its code.
_OF_HTTP = {400: "INTERNAL", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "UNIMPLEMENTED"} | dict.fromkeys(
    (429, 502, 503, 504), "UNAVAILABLE"
)
_OF_RESET = {
    frames.REFUSED_STREAM: "UNAVAILABLE",
    frames.CANCEL: "CANCELLED",
    frames.ENHANCE_YOUR_CALM: "RESOURCE_EXHAUSTED",
}


class GrpcExporter:
    """One connection to one backend, made when it is needed, and again after each loss."""

    def __init__(self, settings: Forward) -> None:
        self._timeout_s = settings.timeout_s
        self._address = settings.address
        self._gzip = settings.compression == "gzip"
        self._tls = None
        if not settings.endpoint.startswith("http:"):
            self._tls = tls_context(settings)
            self._tls.set_alpn_protocols(["h2"])
        self._blocks = {name: _block(settings, signal) for name, signal in SIGNALS.items()}
        self._connection: ClientConnection | None = None
        self._connecting = asyncio.Lock()

    async def export(self, signal: Signal, body: bytes) -> Outcome:
        """Send *body*."""
        if self._gzip:
            body = await asyncio.to_thread(gzipped, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._connected()
                answer = await connection.call(self._blocks[signal.name], body, self._gzip)
        except Unanswered as error:
            return _outcome("UNAVAILABLE" if error.code is None else _OF_RESET.get(error.code, "INTERNAL"), str(error))
        except TimeoutError:
            return _outcome("DEADLINE_EXCEEDED", f"no answer within {self._timeout_s:g} s")
        except OSError as error:  # TLS's errors are some
            return _outcome("UNAVAILABLE", str(error))
        return _told(signal, answer)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> ClientConnection:
        async with self._connecting:
            if self._connection is None or not self._connection.usable:
                self._connection = await connect(self._address.host, self._address.port, self._tls)
            return self._connection


def _block(settings: Forward, signal: Signal) -> bytes:
    """The header block of every request."""
    own = {
        ":method": "POST",
        ":scheme": "http" if settings.endpoint.startswith("http:") else "https",
        ":path": signal.method,
        ":authority": str(settings.address),
        "te": "trailers",
        "content-type": message.CONTENT_TYPE,
        "user-agent": USER_AGENT,
        "grpc-timeout": f"{int(1000 * settings.timeout_s)}m",
    }
    encoding = {"grpc-encoding": "gzip"} if settings.compression == "gzip" else {}
    return block_of({**own, **encoding, **settings.headers}.items())


def _told(signal: Signal, answer: Answer) -> Outcome:
    said = answer.fields.get("grpc-status")
    if said is None:
        status = answer.fields.get(":status", "")
        name = _OF_HTTP.get(int(status) if status.isdecimal() else 0, "UNKNOWN")
        return _outcome(name, f"the answer is no gRPC, its status {status}")
    if said != "0":
        return _outcome(_name(said), message.message_in(answer.fields), answer.fields)
    found = message.unframed(answer.body)
    return taken(signal, b"" if found is None else found[0])


def _name(code: str) -> str:
    known: Any = code_pb2.Code.DESCRIPTOR.values_by_number.get(int(code) if code.isdecimal() else -1)
    return "UNKNOWN" if known is None else str(known.name)


def _outcome(name: str, text: str, fields: Mapping[str, str] | None = None) -> Outcome:
    problem = f"{name}: {text}"[:300]
    after_s = _retry_delay_s(fields or {})
    if name in RETRYABLE or (name == "RESOURCE_EXHAUSTED" and after_s is not None):
        return Later(problem, after_s)
    return Never(name, problem, parts_fit=name not in WHOLLY)


def _retry_delay_s(trailers: Mapping[str, str]) -> float | None:
    """The pause that a RetryInfo asks for, wherever the backend put it."""
    for name in ("google.rpc.retryinfo-bin", "grpc-status-details-bin"):
        value = message.bytes_in(trailers.get(name, ""))
        info = RetryInfo()
        try:
            if not value:
                continue
            if name == "google.rpc.retryinfo-bin":
                info.ParseFromString(value)
            elif not any(detail.Unpack(info) for detail in Status.FromString(value).details):
                continue
        except DecodeError:
            continue
        return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None
