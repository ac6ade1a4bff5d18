"""Work on a large request, out of the way of the others."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

#: Work under way at once: what each holds is several times its request, and only one of them can run Python.
_WORKERS = ThreadPoolExecutor(2, thread_name_prefix="aside")
#: Below it handing over costs more than the work: some milliseconds of it.
LARGE_BYTES = 256 * 1024


async def aside(size: int, work: Callable[..., T], *arguments: Any) -> T:
    """What *work* returns for *arguments*; on a thread of its own when these have so many bytes."""
    if size < LARGE_BYTES:
        return work(*arguments)
    within = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, lambda: within.run(work, *arguments))
