"""The answering process: the HTTP API."""

import asyncio
import logging
from contextlib import AsyncExitStack

from receiver.api.app import create_app
from receiver.api.watched import WatchedApi
from receiver.app.life import end_of, ends_within
from receiver.app.telling import Telling
from receiver.app.web import WebServer
from receiver.config import Address, Settings
from receiver.metrics import RunState

FLUSH_EVERY_S = 1.0

_LOG = logging.getLogger(__name__)


def serve_answer(settings: Settings) -> None:
    """Answer on ``api.listen`` until SIGTERM."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ended = end_of(asyncio.get_running_loop())
    async with AsyncExitStack() as opened:
        state = RunState(settings.data_dir, "answer")
        opened.callback(state.close)
        telling = opened.enter_context(Telling(settings, "answer", state))
        app = WatchedApi(create_app(settings), telling.telemetry.watch)
        web = WebServer("api.listen", Address(settings.api.listen), app)
        opened.push_async_callback(web.stop)
        await web.start()
        state.set(ready=True, ports={"api": web.port})
        telling.started()
        _LOG.info("answering", extra={"api": web.port})
        while not await ends_within(ended, FLUSH_EVERY_S):
            telling.flush()
