"""OTLP over gRPC: raw bytes through a generic handler."""

import logging
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio

from receiver.config import Address
from receiver.errors import ReceiverError, WrongSettings
from receiver.otlp.service import RECEIPT, TraceService
from receiver.otlp.status import codes_of, retry_info, status_of

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"

_LOG = logging.getLogger(__name__)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class GrpcServer:
    """OTLP's gRPC endpoint in the running event loop."""

    def __init__(self, service: TraceService, address: Address, request_max_bytes: int) -> None:
        """Bind *address*; WrongSettings when it cannot be had."""
        self._service = service
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", request_max_bytes),
                ("grpc.so_reuseport", 0),  # a second receiver on the port is an error, not half of the traffic
            ]
        )
        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": method}),))
        try:
            self.port: int = self._server.add_insecure_port(str(address))
        except RuntimeError as error:
            raise WrongSettings([f"otlp.grpc: {address} cannot be listened on: {error}"]) from error

    async def start(self) -> None:
        """Begin to take requests."""
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Take no more requests; those begun have *grace_s* to end."""
        await self._server.stop(grace_s)

    async def _export(self, body: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        try:
            caller = self._service.caller(_metadata(context, "authorization"))
            answer = await self._service.export(body, caller, peer_address(context.peer()))
        except Exception as error:
            await _refuse(context, error)
            raise
        if answer.receipt is not None:
            context.set_trailing_metadata(((RECEIPT, answer.receipt),))
        return answer.message.SerializeToString()


async def _refuse(context: "grpc.aio.ServicerContext[bytes, bytes]", error: Exception) -> None:
    """End the call with *error*'s code; where sending again is right, say when."""
    if not isinstance(error, ReceiverError):
        _LOG.error("export failed", exc_info=error)
    status = status_of(error)
    trailers: list[tuple[str, bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if codes_of(error).retryable:
        trailers.append(("google.rpc.retryinfo-bin", retry_info(error).SerializeToString()))
    await context.abort(_CODES[status.code], status.message, tuple(trailers))


def _metadata(context: "grpc.aio.ServicerContext[bytes, bytes]", name: str) -> str | None:
    metadata: Any = context.invocation_metadata() or ()
    return next((str(value) for key, value in metadata if key == name), None)


def peer_address(peer: str) -> str | None:
    """The address in gRPC's ``ipv4:10.0.0.1:5000`` or ``ipv6:%5B::1%5D:5000``; None for any other transport."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    return unquote(rest).rpartition(":")[0].strip("[]")
