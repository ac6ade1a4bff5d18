"""The HTTP API as one application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from receiver.api import completeness, entries, facets, journeys, operations, problems, resources, searches, traces
from receiver.config import Settings
from receiver.correlate.desk import Desk
from receiver.correlate.kept import Kept
from receiver.index.open import open_index
from receiver.journal import JournalReader
from receiver.streams import StreamReader
from receiver.timing import stepped
from receiver.tokens import Tokens
from receiver.traces.open import open_store

PREFIX = "/api/v1"


def create_app(settings: Settings) -> FastAPI:
    """The API over the stores that *settings* name; it opens them at the first question."""
    desk = Desk(
        settings.data_dir,
        lambda: stepped("index", open_index(settings, write=False)),
        lambda: stepped("spans", open_store(settings, write=False)),
        lambda: JournalReader.open(settings.data_dir),
        lambda: StreamReader(settings.data_dir),
        kept=Kept(settings.traces.keep, settings.traces.retain_days),
    )
    return app_over(desk, settings)


def app_over(desk: Desk, settings: Settings) -> FastAPI:
    """The API over *desk*, which it closes at its end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
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
    tokens = Tokens(settings.auth.tokens)
    for asking in (entries, searches, facets):
        app.include_router(asking.routes(desk, tokens, settings.index.numeric_metadata), prefix=PREFIX)
    for noun in (traces, resources, journeys, completeness):
        app.include_router(noun.routes(desk, tokens), prefix=PREFIX)
    app.include_router(operations.routes(desk, settings.data_dir))
    return app
