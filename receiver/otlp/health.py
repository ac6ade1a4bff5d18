"""gRPC's health service: whether requests are taken, asked once or watched.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from google.rpc.code_pb2 import INVALID_ARGUMENT, NOT_FOUND
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from receiver.http2 import message
from receiver.http2.fields import block_of
from receiver.http2.server import Request

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"

_SAID = {True: HealthCheckResponse.SERVING, False: HealthCheckResponse.NOT_SERVING}


class Health:
    """The same for all services there are; of others it is unknown."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        self._serving = False
        self._ended = False
        self._changed = asyncio.Condition()

    async def tell(self, *, serving: bool) -> None:
        """Requests are taken from now on, or not; who watches is told."""
        if serving != self._serving:
            await self._change(serving)

    async def end(self) -> None:
        """None are taken any more, for good; who watches is told, and let go of."""
        self._ended = True
        await self._change(False)

    async def _change(self, serving: bool) -> None:
        async with self._changed:
            self._serving = serving
            self._changed.notify_all()

    async def answer(self, path: str, request: Request) -> bool:
        """Answer *request* if it is about health; whether it is."""
        if path not in (CHECK, WATCH):
            return False
        service = _service(request)
        if service is None or (path == CHECK and service not in self._services):
            code, text = (INVALID_ARGUMENT, "no request") if service is None else (NOT_FOUND, "no such service")
            request.end(message.HEAD + block_of(message.trailers_of(code, text)))
            return True
        request.begin(message.HEAD)
        while path == WATCH and not self._ended:
            request.send(self._told(service))
            await self._other_than(self._serving)
        request.send(self._told(service), block_of(message.trailers_of(0)))
        return True

    async def _other_than(self, told: bool) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or self._serving != told)

    def _told(self, service: str) -> bytes:
        status = _SAID[self._serving] if service in self._services else HealthCheckResponse.SERVICE_UNKNOWN
        return message.framed(HealthCheckResponse(status=status).SerializeToString())


def _service(request: Request) -> str | None:
    found = message.unframed(request.body)
    try:
        return None if found is None else str(HealthCheckRequest.FromString(found[0]).service)
    except DecodeError:
        return None
