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


class Health:
    """The same for all services there are; of others it is unknown."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = services
        self._status = HealthCheckResponse.NOT_SERVING
        self._ending = asyncio.Event()

    def serving(self) -> None:
        """Requests are taken from now on."""
        self._status = HealthCheckResponse.SERVING

    def ending(self) -> None:
        """None are taken any more; who watches is told, and let go of."""
        self._status = HealthCheckResponse.NOT_SERVING
        self._ending.set()

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
        if path == WATCH:
            request.send(self._told(service))
            await self._ending.wait()
        request.send(self._told(service), block_of(message.trailers_of(0)))
        return True

    def _told(self, service: str) -> bytes:
        known = service in self._services
        status = self._status if known else HealthCheckResponse.SERVICE_UNKNOWN
        return message.framed(HealthCheckResponse(status=status).SerializeToString())


def _service(request: Request) -> str | None:
    found = message.unframed(request.body)
    try:
        return None if found is None else str(HealthCheckRequest.FromString(found[0]).service)
    except DecodeError:
        return None
