"""The accepting process: OTLP in, journal, answer."""

import asyncio
import logging
from contextlib import AsyncExitStack

from receiver.accept import Accept
from receiver.app.life import end_of
from receiver.app.web import WebServer
from receiver.config import Address, Settings
from receiver.cursors import known_cursors
from receiver.journal import Keeper
from receiver.metrics import RunState
from receiver.otlp.grpc import GrpcServer
from receiver.otlp.http import HttpEndpoint
from receiver.otlp.service import OtlpService
from receiver.senders import Senders
from receiver.spool import SpoolWriter

#: Requests begun before the end have so long to be answered.
GRACE_S = 5.0
STATE_EVERY_S = 1.0

_LOG = logging.getLogger(__name__)


def serve_accept(settings: Settings) -> None:
    """Take what senders send until SIGTERM; every answer given by then holds."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ended = end_of(asyncio.get_running_loop())
    async with AsyncExitStack() as opened:  # closed in reverse: first the doors, last the journal
        journal = Keeper(settings.data_dir, settings.journal, lambda: known_cursors(settings.data_dir))
        opened.push_async_callback(asyncio.to_thread, journal.close)
        state = RunState(settings.data_dir, "accept")
        opened.callback(state.close)
        spool = _spool(settings, opened)
        accept = Accept(journal)
        service = OtlpService(accept, Senders(settings.auth), spool, settings.index.oldest_days)
        ports = await _open_doors(service, settings, opened)
        state.set(ports=ports)
        _LOG.info("accepting", extra={**ports, "log": journal.log})
        while not ended.is_set():
            await asyncio.to_thread(journal.look)
            state.set(ready=journal.problem is None, problem=journal.problem, log=journal.log)
            dropped = 0 if spool is None else spool.dropped
            state.set(**accept.counts(), **service.counts(), spool_dropped_bytes=dropped)
            await _wait(ended, STATE_EVERY_S)
        state.set(ready=False)


def _spool(settings: Settings, opened: AsyncExitStack) -> SpoolWriter | None:
    if settings.traces.keep == "none":
        return None
    spool = SpoolWriter(settings.data_dir / "spool", settings.traces.spool_max_bytes)
    opened.callback(spool.close)
    return spool


async def _open_doors(service: OtlpService, settings: Settings, opened: AsyncExitStack) -> dict[str, int]:
    """Listen on both addresses and return the ports; whoever comes early waits in the socket's queue."""
    otlp = settings.otlp
    http = WebServer("otlp.http", Address(otlp.http), HttpEndpoint(service, otlp), otlp.tls)
    opened.push_async_callback(http.stop)
    grpc = GrpcServer(service, otlp)
    opened.push_async_callback(grpc.stop, GRACE_S)
    await http.start()
    await grpc.start()
    return {"grpc": grpc.port, "http": http.port}


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
