"""A forwarder in a test's own event loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from receiver.config import Forward
from receiver.forward.forwarder import Forwarder
from tests.receiver.otlp.requests import event, request, span

PROTOCOLS = ("grpc", "http")


def body(number: int = 0, size: int = 0) -> bytes:
    """A request without audit events, different for each *number*, with *size* bytes in its span's name."""
    return request(span(name=f"work {number}" + size * "x")).SerializeToString()


def audit(number: int) -> bytes:
    """A request with one audit event, another one for each *number*."""
    record_id = f"0192f0c1-2345-7abc-8def-{number:012d}"
    return request(
        span(event(audit__record__id=record_id, audit__metadata__n=number)),
    ).SerializeToString()


def settings(endpoint: str, protocol: str = "grpc", **more: Any) -> Forward:
    """A backend that is asked again soon and gets its requests at once."""
    return Forward(endpoint=endpoint, protocol=protocol, **{"batch_wait_ms": 0, "retry_max_s": 0.05, **more})


@contextlib.asynccontextmanager
async def forwarding(data_dir: Path, *backends: Forward, grace_s: float = 0) -> AsyncIterator[Forwarder]:
    """A forwarder to *backends*, stopped at the end of the block."""
    forwarder = Forwarder(backends, data_dir)
    await forwarder.start()
    try:
        yield forwarder
    finally:
        await forwarder.stop(grace_s)


async def until(condition: Callable[[], Any], max_s: float = 20) -> None:
    """Return once *condition* holds."""
    async with asyncio.timeout(max_s):
        while not condition():
            await asyncio.sleep(0.01)


def only(forwarder: Forwarder) -> dict[str, Any]:
    """The counts of the one backend."""
    (counts,) = forwarder.counts().values()
    return counts
