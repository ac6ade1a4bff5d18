"""OTLP over gRPC: raw bytes in, raw bytes out, on our own HTTP/2."""

import asyncio
import logging
import socket
import ssl
from typing import Any

from google.rpc.code_pb2 import INTERNAL, UNIMPLEMENTED

from receiver.config import Address, Otlp, Tls
from receiver.errors import Busy, ReceiverError, TooLarge, UnsupportedEncoding, WrongSettings
from receiver.http2 import message
from receiver.http2.fields import block_of
from receiver.http2.server import Request, ServerConnection
from receiver.otlp.aside import aside
from receiver.otlp.certificate import Certificate, of_pem
from receiver.otlp.health import Health
from receiver.otlp.in_flight import InFlight
from receiver.otlp.inflate import ENCODINGS
from receiver.otlp.service import RECEIPT, Services
from receiver.otlp.status import codes_of, retry_info, status_of
from receiver.signal import SIGNALS, Signal

_LOG = logging.getLogger(__name__)
_METHODS = {signal.method: signal for signal in SIGNALS.values()}
_TAKEN = block_of(message.trailers_of(0))
_BACKLOG = 1024
ONE_MESSAGE = "a request has one message"
#: What a client may have under way is more than what is answered at once: the rest is told Busy, and when.
STREAMS_TIMES = 4


class GrpcServer:
    """OTLP's gRPC endpoint, with gRPC's health service, in the running event loop."""

    def __init__(self, services: Services, settings: Otlp) -> None:
        """Bind ``otlp.grpc``; WrongSettings when it cannot be had."""
        self._services = services
        self._in_flight = InFlight(settings.grpc_in_flight_max, settings.in_flight_max_bytes)
        self._streams_max = STREAMS_TIMES * settings.grpc_in_flight_max
        self._message_max = settings.request_max_bytes
        self.read_timeout_s = settings.read_timeout_s
        self._health = Health(("", *(signal.service for signal in SIGNALS.values())))
        self._connections: set[ServerConnection] = set()
        self._tls = _context(settings.tls)
        self._socket = _bound(Address(settings.grpc))
        self.port: int = self._socket.getsockname()[1]

    async def start(self) -> None:
        """Begin to take requests."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=self._socket, ssl=self._tls, backlog=_BACKLOG)
        await self.tell(ready=True)

    async def tell(self, *, ready: bool) -> None:
        """From now on health checks hear that it serves, or, while nothing can be kept, that it does not."""
        await self._health.tell(serving=ready)

    async def stop(self, grace_s: float) -> None:
        """Take no more requests, and say so to who asks; those begun have *grace_s* to end."""
        await self._health.end()
        self._server.close()
        deadline = asyncio.get_running_loop().time() + grace_s
        for connection in list(self._connections):
            connection.finish()
        while self._connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.transport.abort()
        await self._server.wait_closed()

    def _connection(self) -> ServerConnection:
        return ServerConnection(self, self._streams_max, self._connections)

    def admit(self, request: Request) -> bool:
        """Refuse a message that is too large by what it says of itself, before it is there, or beside the others."""
        if request.expected is None:
            request.expected = message.announced(request.body)
        announced = request.expected
        if announced is not None and announced > self._message_max:
            _refuse(request, TooLarge(f"the message has {announced} bytes, more than {self._message_max}"))
            return False
        if announced is not None and request.size > announced + message.PREFIX_BYTES:
            _end(request, INTERNAL, ONE_MESSAGE)
            return False
        try:
            self._hold(request, request.size - request.held)
        except Busy as error:
            _refuse(request, error)
            return False
        return True

    def late(self, request: Request) -> None:
        """As a body over HTTP that did not come: send it again."""
        _refuse(request, Busy(f"the body did not come within {self.read_timeout_s:g} s"))

    def gone(self, request: Request) -> None:
        """What it held is free for others."""
        self._in_flight.give(request.held)
        request.held = 0

    def _hold(self, request: Request, size: int) -> None:
        self._in_flight.take(size, request.held)
        request.held += size

    async def answer(self, request: Request) -> None:
        """Answer one call, whatever becomes of it."""
        path = request.fields.get(":path", "")
        signal = _METHODS.get(path)
        try:
            if signal is not None:
                await self._export(signal, request)
            elif not await self._health.answer(path, request):
                _end(request, UNIMPLEMENTED, f"there is no {path}; there are {', '.join(_METHODS)}")
        except Exception as error:
            if not isinstance(error, ReceiverError):
                _LOG.exception("export failed")
            _refuse(request, error)

    async def _export(self, signal: Signal, request: Request) -> None:
        with self._in_flight.request():
            service = self._services[signal]
            caller = service.caller(request.fields.get("authorization"), _certificate(request.transport))
            body = await self._message(request)
            if body is None:
                _end(request, INTERNAL, ONE_MESSAGE)
                return
            answer = await service.export(signal, body, caller, peer_address(request.transport))
        request.begin(message.HEAD)
        trailers = (
            _TAKEN if answer.receipt is None else block_of(message.trailers_of(0, "", ((RECEIPT, answer.receipt),)))
        )
        request.send(message.framed(answer.message.SerializeToString()), trailers)

    async def _message(self, request: Request) -> bytes | None:
        found = message.unframed(request.body)
        request.body.clear()
        if found is None:
            return None
        body, compressed = found
        if not compressed:
            return body
        encoding = request.fields.get("grpc-encoding", "")
        if encoding not in ENCODINGS:
            raise UnsupportedEncoding(f"the encoding must be gzip, zstd or none, not {encoding!r:.80}")
        inflated = await aside(len(body), ENCODINGS[encoding], body, self._message_max)
        self._hold(request, len(inflated))
        return inflated


def _refuse(request: Request, error: Exception) -> None:
    """End the call with *error*'s code; where sending again is right, say when."""
    status = status_of(error)
    trailers: list[tuple[str, bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if codes_of(error).retryable:
        trailers.append(("google.rpc.retryinfo-bin", retry_info(error).SerializeToString()))
    _end(request, status.code, status.message, trailers)


def _end(request: Request, code: int, text: str, more: message.Trailers = ()) -> None:
    """An answer without a message."""
    request.end(message.HEAD + block_of(message.trailers_of(code, text, more)))


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        # Never shared: a second receiver on the port is an error, not half of the traffic.
        return socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise WrongSettings([f"otlp.grpc: {address} cannot be listened on: {error.strerror}"]) from error


def _context(tls: Tls) -> ssl.SSLContext | None:
    if tls.cert is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.cert, tls.key)
        context.set_alpn_protocols(["h2"])
        if tls.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(tls.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise WrongSettings([f"otlp.grpc: its certificates cannot be used: {error}"]) from error
    return context


def _certificate(transport: Any) -> Certificate | None:
    tls = transport.get_extra_info("ssl_object")
    shown = None if tls is None else tls.getpeercert(binary_form=True)
    return of_pem(ssl.DER_cert_to_PEM_cert(shown).encode()) if shown else None


def peer_address(transport: Any) -> str | None:
    """The address of who is at the other end; None for what is no socket of the internet."""
    peer = transport.get_extra_info("peername")
    return peer[0] if isinstance(peer, tuple) else None
