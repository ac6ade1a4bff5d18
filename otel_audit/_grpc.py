"""OTLP over gRPC, spoken without gRPC's C core: that one does not survive a fork while a call is under way."""

import asyncio
import selectors
import ssl
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from grpclib.client import Channel, Stream
from grpclib.const import Cardinality, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from otel_audit._carrier import Request
from otel_audit._config import Config
from otel_audit._exporter import DELAY_MAX_S, RECEIPT, Again, Answer, Rejected, read_answer

_RETRY_INFO = "google.rpc.retryinfo-bin"
#: Answers that are about this very request, where the server does not say when to come again.
_REFUSED = frozenset({Status.INVALID_ARGUMENT, Status.RESOURCE_EXHAUSTED})


class GrpcExporter:
    """See :class:`otel_audit._exporter.Exporter`. Lives in one thread, in an event loop that runs while it sends."""

    def __init__(self, config: Config) -> None:
        address = urlsplit(config.endpoint)
        self._host = address.hostname
        self._port = address.port or (443 if config.secure else 80)
        self._tls = _tls(config) if config.secure else None
        self._metadata = dict(config.headers)
        # Not epoll: a forked child shares its descriptor, and what the child takes out of it is gone for us too.
        self._loop = asyncio.SelectorEventLoop(selectors.PollSelector())
        self._channel: Channel | None = None

    def send(self, request: Request, timeout_s: float) -> Answer:
        """See :class:`otel_audit._exporter.Exporter`."""
        return self._loop.run_until_complete(self._send(request, timeout_s))

    def close(self) -> None:
        """See :class:`otel_audit._exporter.Exporter`."""
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _send(self, request: Request, timeout_s: float) -> Answer:
        reused = self._channel is not None
        try:
            return await self._call(request, timeout_s)
        except (OSError, StreamTerminatedError, ProtocolError) as error:
            await self._hang_up()
            if not reused or isinstance(error, TimeoutError):
                raise Again(_reason(error)) from error
        # An idle connection had been closed at the other end; only a new one tells whether somebody is there.
        try:
            return await self._call(request, timeout_s)
        except (OSError, StreamTerminatedError, ProtocolError) as error:
            await self._hang_up()
            raise Again(_reason(error)) from error

    async def _call(self, request: Request, timeout_s: float) -> Answer:
        if self._channel is None:
            self._channel = Channel(self._host, self._port, codec=_AsIs(), ssl=self._tls)
        call: Stream[bytes, bytes] = self._channel.request(
            request.signal.method, Cardinality.UNARY_UNARY, bytes, bytes, timeout=timeout_s, metadata=self._metadata
        )
        try:
            async with call:
                await call.send_message(request.body, end=True)
                answer = await call.recv_message()
                await call.recv_trailing_metadata()
        except GRPCError as error:
            raise failure(error, dict(call.trailing_metadata or {})) from error
        receipt = None if call.trailing_metadata is None else call.trailing_metadata.get(RECEIPT)
        return read_answer(request.signal, answer or b"", None if receipt is None else str(receipt))

    async def _hang_up(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
            await asyncio.sleep(0)  # the transport closes in the loop's next turn


class _AsIs(CodecBase):
    """Messages are bytes already."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        return data


def failure(error: GRPCError, trailers: dict[str, Any]) -> Again | Rejected:
    """ "Exhausted" may pass only when the server says when; else the request is too large (OTLP, "Failures")."""
    reason = f"{error.status.name}: {error.message}"
    asked = trailers.get(_RETRY_INFO)
    if error.status in _REFUSED and asked is None:
        return Rejected(reason)
    return Again(reason, None if asked is None else _delay_s(asked))


def _delay_s(retry_info: bytes) -> float | None:
    try:
        delay = RetryInfo.FromString(retry_info).retry_delay
    except DecodeError:
        return None
    return min(float(delay.seconds + delay.nanos / 1e9), DELAY_MAX_S)


def _reason(error: Exception) -> str:
    return "the receiver did not answer in time" if isinstance(error, TimeoutError) else str(error) or repr(error)


def _tls(config: Config) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=config.certificate)
    context.set_alpn_protocols(["h2"])
    return context
