"""The HTTP API as one application."""

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from otel_audit.redact import Redactor
from receiver.api import (
    completeness,
    deadletter,
    entries,
    facets,
    journeys,
    operations,
    problems,
    requests,
    resources,
    searches,
    traces,
)
from receiver.api.answering import Answering
from receiver.config import Settings
from receiver.correlate.aside import Aside
from receiver.correlate.desk import Desk
from receiver.correlate.kept import Kept
from receiver.correlate.reads import Reads
from receiver.errors import Unavailable
from receiver.index.open import open_index
from receiver.journal import JournalReader
from receiver.outbox import Outbox
from receiver.row import Draft
from receiver.streams import StreamReader
from receiver.timing import stepped
from receiver.tokens import Tokens
from receiver.traces.open import open_sources

PREFIX = "/api/v1"


class _Outbox:
    """Opened with the first read: a directory that cannot be written yet keeps nobody from starting."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outbox: Outbox | None = None
        self._turn = threading.Lock()

    def append(self, drafts: Sequence[Draft]) -> None:
        """See :meth:`~receiver.outbox.Outbox.append`."""
        with self._turn:
            if self._outbox is None:
                most = self._settings.outbox.waiting_max_entries
                try:
                    self._outbox = Outbox(self._settings.data_dir, "answer", most)
                except OSError as error:
                    raise Unavailable(f"reads cannot be told: {error}") from error
        self._outbox.append(drafts)

    def close(self) -> None:
        """Let go of the file."""
        if self._outbox is not None:
            self._outbox.close()


def create_app(settings: Settings) -> FastAPI:
    """The API over the stores that *settings* name; it opens them at the first question."""
    desk = Desk(
        settings.data_dir,
        lambda: stepped("index", open_index(settings, write=False)),
        open_sources(settings),
        lambda: JournalReader.open(settings.data_dir),
        lambda: StreamReader(settings.data_dir),
        lambda: Aside(settings.data_dir),
        kept=Kept(settings.traces.keep, settings.traces.retain_days),
    )
    return app_over(desk, settings)


def app_over(desk: Desk, settings: Settings) -> FastAPI:
    """The API over *desk*, which it closes at its end."""

    outbox = _Outbox(settings)
    redactor = Redactor(settings.redact.rules)
    reads = Reads(outbox.append, redactor=redactor)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reads.start()
        yield
        reads.close()
        outbox.close()
        desk.close()

    app = FastAPI(
        title="otel-audit",
        version=version("otel-audit"),
        description="Which audit entries belong to this trace, and which trace explains this audit entry.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    problems.install(app)
    answering = Answering(
        desk, Tokens(settings.auth.tokens), reads, settings.index.numeric_metadata, outbox.append, redactor
    )
    for noun in (entries, searches, facets, traces, resources, journeys, completeness, deadletter, requests):
        app.include_router(noun.routes(answering), prefix=PREFIX, responses=problems.RESPONSES)
    app.include_router(operations.routes(desk, settings.data_dir))
    return app
