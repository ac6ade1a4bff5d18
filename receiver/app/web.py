"""An ASGI application behind a socket of ours, in the running event loop."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn

from receiver.app.connection import Connection
from receiver.config import Address, Tls
from receiver.errors import WrongSettings

#: Requests begun before the end have so long to be answered.
GRACE_S = 5
PLAIN = Tls()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has one place that decides to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def listening(address: Address) -> socket.socket:
    """A socket bound to *address*, whose connections send at once whatever is written to them; OSError if it cannot be.

    An answer is written in two parts. Without this the second waits for the client to acknowledge the first, which
    that puts off for 40 ms; asyncio sets it only on sockets that were made for TCP by number.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.create_server((address.host, address.port), family=family)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # those it accepts inherit it
    return bound


class WebServer:
    """Listens from its making, answers from :meth:`start` to :meth:`stop`."""

    def __init__(self, setting: str, address: Address, app: Any, tls: Tls = PLAIN) -> None:
        """Bind *address*; WrongSettings, naming *setting*, when it cannot be had, or *tls* cannot be used."""
        try:
            self._socket = listening(address)
        except OSError as error:
            raise WrongSettings([f"{setting}: {address} cannot be listened on: {error.strerror}"]) from error
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=Connection,
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=tls.cert,
            ssl_keyfile=tls.key,
            ssl_ca_certs=str(tls.client_ca) if tls.client_ca else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if tls.client_ca else ssl.CERT_NONE,
        )
        try:
            config.load()
        except (ssl.SSLError, OSError) as error:
            self._socket.close()
            raise WrongSettings([f"{setting}: its certificates cannot be used: {error}"]) from error
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.01)
        if self._serving.done():
            await self._serving

    async def stop(self) -> None:
        """Take no more requests, answer those begun, close the socket."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        self._socket.close()
