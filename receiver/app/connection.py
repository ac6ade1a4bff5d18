"""One HTTP connection: what uvicorn does not do for it."""

import asyncio
import ssl
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: So long a connection may take for its TLS handshake and a request's headers, in seconds.
HEADERS_WITHIN_S = 10.0


class Connection(HttpToolsProtocol):
    """Hands over the client's certificate (ASGI's TLS extension), and closes on who never says what it wants."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(HEADERS_WITHIN_S, transport.close)
        tls: Any = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        if der is not None:
            self.app = _with_certificate(self.app, ssl.DER_cert_to_PEM_cert(der))

    def on_message_begin(self) -> None:
        """A request begins, perhaps the second on this connection."""
        self._waiting.cancel()
        self._waiting = self.loop.call_later(HEADERS_WITHIN_S, self.transport.close)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """From here on the application decides how long it waits."""
        self._waiting.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went."""
        self._waiting.cancel()
        super().connection_lost(exc)


def _with_certificate(app: Any, pem: str) -> Any:
    async def with_certificate(scope: Any, receive: Any, send: Any) -> None:
        tls = {"client_cert_chain": [pem]}
        await app({**scope, "extensions": {**scope.get("extensions", {}), "tls": tls}}, receive, send)

    return with_certificate
