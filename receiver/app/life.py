"""How a process of the group learns that it is to end: a signal, or the end of the process that started it."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

#: After its parent's death a process has so long to end cleanly.
END_MAX_S = 15.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_end(stop: Callable[[], None]) -> None:
    """Call *stop* on SIGTERM and SIGINT; for a process without an event loop."""
    for each in SIGNALS:
        signal.signal(each, lambda *_: stop())


def end_of(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """An event of *loop* that SIGTERM and SIGINT set."""
    ended = asyncio.Event()
    for each in SIGNALS:
        loop.add_signal_handler(each, ended.set)
    return ended


async def ends_within(ended: asyncio.Event, seconds: float) -> bool:
    """Whether *ended* is set before so many seconds have passed."""
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return False
    return True


def end_with_stdin() -> None:
    """End this process when its standard input ends, as it does when the parent that holds the pipe dies.

    However the parent dies, the system closes the pipe: nothing of the group outlives it.
    """
    threading.Thread(target=_watch, name="parent", daemon=True).start()


def _watch() -> None:
    # Read past Python's buffer, which the interpreter wants to close at exit.
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_MAX_S)
    os._exit(1)
