"""OTLP over HTTP: a raw ASGI application for ``POST /v1/traces``, in protobuf or JSON."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.code_pb2 import UNIMPLEMENTED
from google.rpc.status_pb2 import Status

from receiver.errors import Busy, NotFound, ReceiverError, Refused, TooLarge, UnsupportedEncoding
from receiver.otlp.inflate import gunzip
from receiver.otlp.json_request import trace_request_bytes
from receiver.otlp.service import RECEIPT, Answer, TraceService
from receiver.otlp.status import codes_of, retry_after_s, status_of

PATH = "/v1/traces"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_LOG = logging.getLogger(__name__)


class HttpEndpoint:
    """OTLP's HTTP endpoint as an ASGI application; bodies are bounded while they are read and inflated."""

    def __init__(self, service: TraceService, request_max_bytes: int, in_flight_max: int) -> None:
        self._service = service
        self._request_max_bytes = request_max_bytes
        self._in_flight_max = in_flight_max
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, in the encoding it came in."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = PROTOBUF if media_type == PROTOBUF else JSON
        if scope["path"] == PATH and scope["method"] != "POST":
            status = Status(code=UNIMPLEMENTED, message=f"{PATH} takes POST")
            await _send(send, HTTPStatus.METHOD_NOT_ALLOWED, status, encoding, {"allow": "POST"})
            return
        try:
            answer = await self._export(scope, receive, headers, media_type)
        except Exception as error:
            await _send_error(send, error, encoding)
        else:
            extra = {} if answer.receipt is None else {RECEIPT: answer.receipt}
            await _send(send, HTTPStatus.OK, answer.message, encoding, extra)

    async def _export(self, scope: Scope, receive: Receive, headers: Mapping[str, str], media_type: str) -> Answer:
        if scope["path"] != PATH:
            raise NotFound(f"there is no {scope['path']}; spans go to {PATH}")
        caller = self._service.caller(headers.get("authorization"))
        if media_type not in (PROTOBUF, JSON):
            raise UnsupportedEncoding(f"the content type must be {PROTOBUF} or {JSON}, not {media_type!r:.80}")
        compression = headers.get("content-encoding", "identity").strip().lower()
        if compression not in ("gzip", "identity"):
            raise UnsupportedEncoding(f"the content encoding must be gzip or none, not {compression!r:.80}")
        if self._in_flight >= self._in_flight_max:
            raise Busy("too many requests at once")
        self._in_flight += 1
        try:
            body = await self._body(receive)
            if compression == "gzip":
                body = gunzip(body, self._request_max_bytes)
            if media_type == JSON:
                body = trace_request_bytes(body)
            peer = scope["client"][0] if scope.get("client") else None
            return await self._service.export(body, caller, peer)
        finally:
            self._in_flight -= 1

    async def _body(self, receive: Receive) -> bytes:
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused("the sender went away")
            part = message.get("body", b"")
            size += len(part)
            if size > self._request_max_bytes:
                raise TooLarge(f"the body is larger than {self._request_max_bytes} bytes")
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)


async def _send_error(send: Send, error: Exception, encoding: str) -> None:
    if not isinstance(error, ReceiverError):
        _LOG.error("export failed", exc_info=error)
    codes = codes_of(error)
    extra = {}
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
