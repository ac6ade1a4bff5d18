"""Work on a large request, out of the way of the others."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: Below it handing over costs more than the work: some milliseconds of it.
LARGE_BYTES = 256 * 1024


async def aside(size: int, work: Callable[..., T], *arguments: Any) -> T:
    """What *work* returns for *arguments*; on a thread of its own when these have so many bytes."""
    if size < LARGE_BYTES:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)
