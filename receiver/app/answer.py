"""The answering process: the HTTP API."""

import asyncio
import logging

from receiver.api.app import create_app
from receiver.app.life import end_of
from receiver.app.web import WebServer
from receiver.config import Address, Settings
from receiver.metrics import RunState

_LOG = logging.getLogger(__name__)


def serve_answer(settings: Settings) -> None:
    """Answer on ``api.listen`` until SIGTERM."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ended = end_of(asyncio.get_running_loop())
    web = WebServer("api.listen", Address(settings.api.listen), create_app(settings))
    state = RunState(settings.data_dir, "answer")
    try:
        await web.start()
        state.set(ready=True, ports={"api": web.port})
        _LOG.info("answering", extra={"api": web.port})
        await ended.wait()
    finally:
        await web.stop()
        state.close()
