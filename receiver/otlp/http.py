"""OTLP over HTTP: a raw ASGI application for ``POST /v1/traces`` and ``/v1/logs``, in protobuf or JSON."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.code_pb2 import UNIMPLEMENTED
from google.rpc.status_pb2 import Status

from receiver.config import Otlp
from receiver.errors import Busy, NotFound, ReceiverError, Refused, TooLarge, UnsupportedEncoding
from receiver.otlp.aside import aside
from receiver.otlp.certificate import Certificate, of_pem
from receiver.otlp.in_flight import Held, InFlight
from receiver.otlp.inflate import ENCODINGS, PLAIN
from receiver.otlp.service import RECEIPT, Answer, Services
from receiver.otlp.status import codes_of, retry_after_s, status_of
from receiver.otlp_json import request_bytes
from receiver.signal import SIGNALS, Signal

PATHS: Mapping[str, Signal] = {signal.path: signal for signal in SIGNALS.values()}
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
#: How long a browser may remember that it may send, in seconds.
PREFLIGHT_S = 7200

Scope = Mapping[str, Any]
Headers = Mapping[str, str]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_LOG = logging.getLogger(__name__)


class HttpEndpoint:
    """OTLP's HTTP endpoint as an ASGI application; bodies are bounded while they are read and inflated."""

    def __init__(self, services: Services, settings: Otlp) -> None:
        self._services = services
        self._settings = settings
        self._in_flight = InFlight(settings.http_in_flight_max, settings.in_flight_max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, in the encoding it came in."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = PROTOBUF if media_type == PROTOBUF else JSON
        shared = self._shared_with(headers)
        if scope["path"] in PATHS and scope["method"] != "POST":
            if scope["method"] == "OPTIONS" and shared:
                await _send_preflight(send, shared, headers)
                return
            status = Status(code=UNIMPLEMENTED, message=f"{scope['path']} takes POST")
            await _send(send, HTTPStatus.METHOD_NOT_ALLOWED, status, encoding, {"allow": "POST", **shared})
            return
        try:
            answer = await self._export(scope, receive, headers, media_type)
        except Exception as error:
            await _send_error(send, error, encoding, shared)
        else:
            extra = {} if answer.receipt is None else {RECEIPT: answer.receipt}
            await _send(send, HTTPStatus.OK, answer.message, encoding, extra | shared)

    def _shared_with(self, headers: Headers) -> dict[str, str]:
        """What lets a browser's page of a listed origin send, and read the answer; nothing for any other."""
        origin = headers.get("origin")
        if origin is None or origin not in self._settings.cors_origins:
            return {}
        exposed = f"{RECEIPT}, retry-after"
        return {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": exposed,
            "vary": "origin",
        }

    async def _export(self, scope: Scope, receive: Receive, headers: Headers, media_type: str) -> Answer:
        signal = PATHS.get(scope["path"])
        if signal is None:
            raise NotFound(f"there is no {scope['path']}; there are {', '.join(PATHS)}")
        service = self._services[signal]
        caller = service.caller(headers.get("authorization"), _certificate(scope))
        if media_type not in (PROTOBUF, JSON):
            raise UnsupportedEncoding(f"the content type must be {PROTOBUF} or {JSON}, not {media_type!r:.80}")
        compression = headers.get("content-encoding", "").strip().lower()
        if compression not in (*PLAIN, *ENCODINGS):
            raise UnsupportedEncoding(f"the content encoding must be gzip, zstd or none, not {compression!r:.80}")
        if int(headers.get("content-length", "0")) > self._settings.request_max_bytes:
            raise TooLarge(f"the body is larger than {self._settings.request_max_bytes} bytes")
        with self._in_flight.request() as held:
            body = await self._body(receive, held)
            if compression in ENCODINGS:
                body = await aside(len(body), ENCODINGS[compression], body, self._settings.request_max_bytes)
                held.add(len(body))
            if media_type == JSON:
                body = await aside(len(body), request_bytes, signal, body)
            peer = scope["client"][0] if scope.get("client") else None
            return await service.export(signal, body, caller, peer)

    async def _body(self, receive: Receive, held: Held) -> bytes:
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                return await self._whole(receive, held)
        except TimeoutError:
            raise Busy(f"the body did not come within {self._settings.read_timeout_s:g} s") from None

    async def _whole(self, receive: Receive, held: Held) -> bytes:
        most = self._settings.request_max_bytes
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused("the sender went away")
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise TooLarge(f"the body is larger than {most} bytes")
            held.add(len(part))
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)


def _certificate(scope: Scope) -> Certificate | None:
    """The client's, where the server hands it over (ASGI's TLS extension)."""
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain")
    return of_pem(chain[0].encode()) if chain else None


async def _send_preflight(send: Send, shared: dict[str, str], headers: Headers) -> None:
    """A browser asks whether it may send: what it wants to send along is allowed."""
    allowed = {
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": headers.get("access-control-request-headers", "content-type"),
        "access-control-max-age": str(PREFLIGHT_S),
    }
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (shared | allowed).items()]
    await send({"type": "http.response.start", "status": int(HTTPStatus.NO_CONTENT), "headers": raw})
    await send({"type": "http.response.body", "body": b""})


async def _send_error(send: Send, error: Exception, encoding: str, shared: Headers) -> None:
    if not isinstance(error, ReceiverError):
        _LOG.error("export failed", exc_info=error)
    codes = codes_of(error)
    extra = dict(shared)
    if codes.retryable:
        extra["retry-after"] = str(ceil(retry_after_s(error)))
    if codes.http == HTTPStatus.UNAUTHORIZED:
        extra["www-authenticate"] = "Bearer"
    await _send(send, codes.http, status_of(error), encoding, extra)


async def _send(send: Send, status: int, message: Message, encoding: str, extra: Mapping[str, str]) -> None:
    as_json = encoding == JSON
    body = json_format.MessageToJson(message, indent=None).encode() if as_json else message.SerializeToString()
    headers = {"content-type": encoding, "content-length": str(len(body)), **extra}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": raw})
    await send({"type": "http.response.body", "body": body})
