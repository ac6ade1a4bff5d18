"""The accepting process: OTLP in, journal, answer."""

import asyncio
import logging
import os
from contextlib import AsyncExitStack, suppress
from typing import Any, get_args

from receiver.accept import Accept
from receiver.app.drain import Drain
from receiver.app.life import end_of, ends_within
from receiver.app.telling import Telling
from receiver.app.web import WebServer
from receiver.config import Address, Settings
from receiver.cursors import known_cursors
from receiver.errors import ReceiverError
from receiver.forward.forwarder import Forwarder
from receiver.journal import Keeper
from receiver.metrics import RunState
from receiver.otlp.grpc import GrpcServer
from receiver.otlp.http import HttpEndpoint
from receiver.otlp.metered import HttpAnswers, Traffic, Transport, metered
from receiver.otlp.service import OtlpService
from receiver.outbox import Outboxes
from receiver.segments import segments
from receiver.senders import Senders
from receiver.signal import SIGNALS
from receiver.spool import SpoolWriter

#: Requests begun before the end have so long to be answered.
GRACE_S = 5.0
#: What waits in memory for a backend has so long to be sent.
FORWARD_GRACE_S = 3.0
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
        accept = Accept(journal)
        outboxes = Outboxes(settings.data_dir)
        opened.callback(outboxes.close)
        drain = Drain(outboxes, accept.accept)
        opened.push_async_callback(drain.once)  # what was said last, the end of this process too
        telling = opened.enter_context(Telling(settings, "accept", state))
        spool = _spool(settings, opened)
        forwarder = Forwarder(settings.forward, settings.data_dir)
        await forwarder.start()
        opened.push_async_callback(forwarder.stop, FORWARD_GRACE_S)
        service = OtlpService(
            accept,
            Senders(settings.auth),
            spool,
            settings.index.oldest_days,
            settings.otlp.event_max_bytes,
            forward=forwarder,
        )
        doors = _Doors(service, settings, telling)
        ports = await doors.open(opened)
        state.set(ports=ports)
        telling.started()
        telling.settings()
        _LOG.info("accepting", extra={**ports, "log": journal.log})
        draining = asyncio.create_task(drain.run(ended))
        while not ended.is_set():
            await asyncio.to_thread(journal.look)
            await _try_again(accept, telling)
            health = _health(journal.problem, accept, drain)
            await doors.tell(ready=health["ready"])
            state.set(
                log=journal.log,
                **health,
                **service.counts(),
                **doors.facts(),
                **_sizes(settings, spool),
                **drain.facts(),
                forward=forwarder.counts(),
            )
            await ends_within(ended, STATE_EVERY_S)
        await draining
        state.set(ready=False)


async def _try_again(accept: Accept, telling: Telling) -> None:
    """While nothing can be journalled, try: the first entry after an outage tells of it."""
    telling.flush()
    if accept.trouble is not None:
        with suppress(ReceiverError):
            await accept.accept([telling.acts.outage(*accept.trouble)])


def _health(problem: ReceiverError | None, accept: Accept, drain: Drain) -> dict[str, Any]:
    """*problem* keeps the journal closed, accept's trouble is of its commits."""
    trouble = None if accept.trouble is None else accept.trouble.message
    told = trouble if problem is None else str(problem)
    return {**accept.counts(), "ready": told is None, "problem": told or drain.problem}


def _sizes(settings: Settings, spool: SpoolWriter | None) -> dict[str, int]:
    disk = os.statvfs(settings.data_dir)
    free = {"disk_free_bytes": disk.f_bavail * disk.f_frsize}
    if spool is None:
        return free
    kept = sum(segment.end - segment.start for segment in segments(settings.data_dir / "spool"))
    return {**free, "spool_bytes": kept, "spool_dropped_bytes": spool.dropped}


def _spool(settings: Settings, opened: AsyncExitStack) -> SpoolWriter | None:
    if settings.traces.keep == "none":
        return None
    spool = SpoolWriter(settings.data_dir / "spool", settings.traces.spool_max_bytes)
    opened.callback(spool.close)
    return spool


class _Doors:
    """Both ways in, with what is counted at them."""

    def __init__(self, service: OtlpService, settings: Settings, telling: Telling) -> None:
        """Listen on both addresses; whoever comes early waits in the socket's queue."""
        otlp = settings.otlp
        self._traffic = {
            transport: {signal: Traffic(transport, signal.name) for signal in SIGNALS.values()}
            for transport in get_args(Transport)
        }
        through = {
            transport: {
                signal: metered(service, each, f"{transport}/{signal.name}", telling.telemetry.watch)
                for signal, each in traffic.items()
            }
            for transport, traffic in self._traffic.items()
        }
        self._answers = HttpAnswers(HttpEndpoint(through["http"], otlp))
        self._http = WebServer("otlp.http", Address(otlp.http), self._answers, otlp.tls)
        self._grpc = GrpcServer(through["grpc"], otlp)

    async def open(self, opened: AsyncExitStack) -> dict[str, int]:
        """Begin to answer; *opened* closes both. The ports."""
        opened.push_async_callback(self._http.stop)
        opened.push_async_callback(self._grpc.stop, GRACE_S)
        await self._http.start()
        await self._grpc.start()
        return {"grpc": self._grpc.port, "http": self._http.port}

    async def tell(self, *, ready: bool) -> None:
        """What health checks hear from now on."""
        await self._grpc.tell(ready=ready)

    def facts(self) -> dict[str, Any]:
        """What came in."""
        return {
            "traffic": [each.facts() for traffic in self._traffic.values() for each in traffic.values()],
            "http_answers": dict(self._answers.counts),
        }
