"""Both ways into one service, over a real journal."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from receiver import config
from receiver.accept import Accept
from receiver.config import Address, Token
from receiver.journal import Journal, JournalReader, Row
from receiver.otlp.grpc import SERVICE, GrpcServer
from receiver.otlp.http import HttpEndpoint
from receiver.otlp.service import TraceService
from receiver.senders import Senders
from receiver.spool import SpoolReader, SpoolWriter

METHOD = f"/{SERVICE}/Export"
MAX_BYTES = 200_000
TOKENS = tuple(
    Token(name=name, sha256=sha256(name.encode()).hexdigest(), role=role, tenant=tenant)
    for name, role, tenant in (("shop", "sender", "acme"), ("reader", "viewer", "acme"))
)


class Doors:
    """A receiver's ways in, without its processes."""

    def __init__(self, data_dir: Path, tokens: Sequence[Token], in_flight_max: int) -> None:
        self.data_dir = data_dir
        self.journal = Journal.open(data_dir, config.Journal())
        self.spool = SpoolWriter(data_dir / "spool", 1 << 20)
        self.accept = Accept(self.journal)
        self.service = TraceService(self.accept, Senders(config.Auth(tokens=tuple(tokens))), self.spool, 2555)
        self.endpoint = HttpEndpoint(self.service, MAX_BYTES, in_flight_max)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.endpoint), base_url="http://receiver")
        self.grpc = GrpcServer(self.service, Address("127.0.0.1:0"), MAX_BYTES)

    async def post(self, body: bytes, content_type: str = "application/x-protobuf", **headers: str) -> httpx.Response:
        """Send *body* over HTTP."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post("/v1/traces", content=body, headers={"content-type": content_type, **named})

    async def call(self, body: bytes, token: str | None = None, **options: Any) -> tuple[Any, dict[str, str | bytes]]:
        """Send *body* over gRPC: the answer and its trailers. AioRpcError when it is refused."""
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc.port}") as channel:
            method = channel.unary_unary(METHOD)
            calling = method(body, metadata=metadata, timeout=10, **options)
            answer = ExportTraceServiceResponse.FromString(await calling)
            return answer, dict(await calling.trailing_metadata() or ())

    def rows(self) -> list[Row]:
        """What is journalled."""
        with contextlib.closing(JournalReader.open(self.data_dir)) as reader:
            return reader.read(0, 1000)

    def spooled(self) -> list[bytes]:
        """The requests handed over for the join."""
        return [spooled.body for spooled in SpoolReader(self.data_dir / "spool").read(0, 1 << 30)]


@contextlib.asynccontextmanager
async def _opened(data_dir: Path, tokens: Sequence[Token], in_flight_max: int) -> AsyncIterator[Doors]:
    doors = Doors(data_dir, tokens, in_flight_max)
    await doors.grpc.start()
    try:
        yield doors
    finally:
        await doors.grpc.stop(1)
        await doors.http.aclose()
        doors.spool.close()
        doors.journal.close()


def through(
    data_dir: Path,
    what: Callable[[Doors], Awaitable[None]],
    tokens: Sequence[Token] = (),
    in_flight_max: int = 8,
) -> None:
    """Run *what* with open doors."""

    async def run() -> None:
        async with _opened(data_dir, tokens, in_flight_max) as doors:
            await what(doors)

    asyncio.run(run())
