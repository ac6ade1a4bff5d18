"""OTLP over gRPC: raw bytes through generic handlers."""

import logging
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from receiver.config import Address, Otlp, Tls
from receiver.errors import ReceiverError, WrongSettings
from receiver.otlp.certificate import Certificate, of_pem
from receiver.otlp.in_flight import InFlight
from receiver.otlp.service import RECEIPT, Services
from receiver.otlp.status import codes_of, retry_info, status_of
from receiver.signal import SIGNALS, Signal

_LOG = logging.getLogger(__name__)
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_HEALTH = {True: health_pb2.HealthCheckResponse.SERVING, False: health_pb2.HealthCheckResponse.NOT_SERVING}
_KEEP_ALIVE = [
    ("grpc.keepalive_time_ms", 60_000),  # a peer that is gone is noticed
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]

_Context = grpc.aio.ServicerContext[bytes, bytes]


class GrpcServer:
    """OTLP's gRPC endpoint, with gRPC's health service, in the running event loop."""

    def __init__(self, services: Services, settings: Otlp) -> None:
        """Bind ``otlp.grpc``; WrongSettings when it cannot be had."""
        self._services = services
        self._in_flight = InFlight(settings.grpc_in_flight_max, settings.in_flight_max_bytes)
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", settings.request_max_bytes),
                ("grpc.so_reuseport", 0),  # a second receiver on the port is an error, not half of the traffic
                *_KEEP_ALIVE,
            ]
        )
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for signal in SIGNALS.values():
            method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
                partial(self._export, signal)
            )
            handler = grpc.method_handlers_generic_handler(signal.service, {"Export": method})
            self._server.add_generic_rpc_handlers((handler,))
        self.port = self._bind(Address(settings.grpc), settings.tls)

    async def start(self) -> None:
        """Begin to take requests."""
        await self._server.start()
        await self.tell(ready=True)

    async def tell(self, *, ready: bool) -> None:
        """From now on health checks hear that it serves, or, while nothing can be kept, that it does not."""
        for name in ("", *(signal.service for signal in SIGNALS.values())):
            await self._health.set(name, _HEALTH[ready])

    async def stop(self, grace_s: float) -> None:
        """Take no more requests, and say so to who asks; those begun have *grace_s* to end."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    def _bind(self, address: Address, tls: Tls) -> int:
        try:
            if tls.cert is None:
                return int(self._server.add_insecure_port(str(address)))
            return int(self._server.add_secure_port(str(address), _credentials(tls)))
        except RuntimeError as error:
            raise WrongSettings([f"otlp.grpc: {address} cannot be listened on: {error}"]) from error

    async def _export(self, signal: Signal, body: bytes, context: _Context) -> bytes:
        try:
            with self._in_flight.request() as held:
                held.add(len(body))
                service = self._services[signal]
                caller = service.caller(_metadata(context, "authorization"), _certificate(context))
                answer = await service.export(signal, body, caller, peer_address(context.peer()))
        except Exception as error:
            await _refuse(context, error)
            raise
        if answer.receipt is not None:
            context.set_trailing_metadata(((RECEIPT, answer.receipt),))
        serialized: bytes = answer.message.SerializeToString()
        return serialized


async def _refuse(context: _Context, error: Exception) -> None:
    """End the call with *error*'s code; where sending again is right, say when."""
    if not isinstance(error, ReceiverError):
        _LOG.error("export failed", exc_info=error)
    status = status_of(error)
    trailers: list[tuple[str, bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if codes_of(error).retryable:
        trailers.append(("google.rpc.retryinfo-bin", retry_info(error).SerializeToString()))
    await context.abort(_CODES[status.code], status.message, tuple(trailers))


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    assert tls.cert is not None  # noqa: S101 - the settings go together
    assert tls.key is not None  # noqa: S101
    pair = (tls.key.read_bytes(), tls.cert.read_bytes())
    if tls.client_ca is None:
        return grpc.ssl_server_credentials([pair])
    return grpc.ssl_server_credentials([pair], tls.client_ca.read_bytes(), require_client_auth=True)


def _certificate(context: _Context) -> Certificate | None:
    shown = tuple(context.auth_context().get("x509_pem_cert", ()))
    return of_pem(shown[0]) if shown else None


def _metadata(context: _Context, name: str) -> str | None:
    metadata: Any = context.invocation_metadata() or ()
    return next((str(value) for key, value in metadata if key == name), None)


def peer_address(peer: str) -> str | None:
    """The address in gRPC's ``ipv4:10.0.0.1:5000`` or ``ipv6:%5B::1%5D:5000``; None for any other transport."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    return unquote(rest).rpartition(":")[0].strip("[]")
