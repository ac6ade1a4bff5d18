"""Both ways into one service, over a real journal."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc.aio
import httpx

from receiver import config
from receiver.accept import Accept
from receiver.config import Token
from receiver.journal import Journal, JournalReader, Row
from receiver.otlp.grpc import GrpcServer
from receiver.otlp.http import HttpEndpoint
from receiver.otlp.service import OtlpService
from receiver.senders import Senders
from receiver.signal import SIGNALS, TRACES, Signal
from receiver.spool import SpoolReader, SpoolWriter

MAX_BYTES = 200_000
TOKENS = tuple(
    Token(name=name, sha256=sha256(name.encode()).hexdigest(), role=role, tenant=tenant)
    for name, role, tenant in (("shop", "sender", "acme"), ("reader", "viewer", "acme"))
)


class Doors:
    """A receiver's ways in, without its processes."""

    def __init__(self, data_dir: Path, tokens: Sequence[Token], **settings: Any) -> None:
        self.data_dir = data_dir
        self.journal = Journal.open(data_dir, config.Journal())
        self.spool = SpoolWriter(data_dir / "spool", 1 << 20)
        self.accept = Accept(self.journal)
        self.service = OtlpService(self.accept, Senders(config.Auth(tokens=tuple(tokens))), self.spool, 2555, MAX_BYTES)
        services = dict.fromkeys(SIGNALS.values(), self.service)
        otlp = config.Otlp(grpc="127.0.0.1:0", request_max_bytes=MAX_BYTES, **settings)
        self.endpoint = HttpEndpoint(services, otlp)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.endpoint), base_url="http://receiver")
        self.grpc = GrpcServer(services, otlp)

    async def post(
        self, body: bytes, content_type: str = "application/x-protobuf", path: str = "/v1/traces", **headers: str
    ) -> httpx.Response:
        """Send *body* over HTTP."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, content=body, headers={"content-type": content_type, **named})

    async def call(
        self, body: bytes, token: str | None = None, signal: Signal = TRACES, **options: Any
    ) -> tuple[Any, dict[str, str | bytes]]:
        """Send *body* over gRPC: the answer and its trailers. AioRpcError when it is refused."""
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc.port}") as channel:
            method = channel.unary_unary(signal.method)
            calling = method(body, metadata=metadata, timeout=10, **options)
            answer = signal.response.FromString(await calling)
            return answer, dict(await calling.trailing_metadata() or ())

    def rows(self) -> list[Row]:
        """What is journalled."""
        with contextlib.closing(JournalReader.open(self.data_dir)) as reader:
            return reader.read(0, 1000)

    def spooled(self) -> list[bytes]:
        """The requests handed over for the join."""
        return [spooled.body for spooled in SpoolReader(self.data_dir / "spool").read(0, 1 << 30)]


@contextlib.asynccontextmanager
async def _opened(data_dir: Path, tokens: Sequence[Token], **settings: Any) -> AsyncIterator[Doors]:
    doors = Doors(data_dir, tokens, **settings)
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
    **settings: Any,
) -> None:
    """Run *what* with open doors; *settings* are those of ``otlp``."""

    async def run() -> None:
        async with _opened(data_dir, tokens, **settings) as doors:
            await what(doors)

    asyncio.run(run())
