"""One HTTP connection: what uvicorn does not do for it."""

import asyncio
import ssl
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
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

    def data_received(self, data: bytes) -> None:
        """Read on; a client that offers another protocol is answered in this one, as a server may (RFC 9110, 7.8).

        The parser passes over such a request's body, so the request is read again without the offer. Java's HTTP
        client makes one (``h2c``) with every first request.
        """
        self._unset_keepalive_if_required()
        try:
            while data:
                data = self._fed(data)
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _fed(self, data: bytes) -> bytes:
        """Read *data*; what is to be read again, where it offers another protocol."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            if self.parser.get_method() == b"CONNECT":
                raise HttpParserError("no tunnels here") from offer
            again = self._head_without_offer() + data[offer.args[0] :]
            self.parser = HttpRequestParser(self)
            return again
        return b""

    def _should_upgrade(self) -> bool:
        """Have uvicorn leave the offering request alone until it is read again."""
        return True

    def _head_without_offer(self) -> bytes:
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = [b"%b: %b" % field for field in self.headers if field[0] != b"upgrade"]
        return b"\r\n".join([line, *fields, b"", b""])

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
