"""What the five services share: an application with stock instrumentation, and the acting user in its headers."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Request, Response
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

import otel_audit

#: Headers by which one service tells the next who acts, and the entry field each fills.
ACTOR_HEADERS = {
    "x-user-id": "user_id",
    "x-user-email": "user_email",
    "x-actor-type": "actor_type",
    "x-session-id": "session_id",
    "x-client-address": "ip_address",
    "x-client-agent": "user_agent",
    "x-request-id": "request_id",
}

TIMEOUT_S = 10.0

#: Who acts in a request, as entry fields.
Actor = dict[str, Any]


def told_by_headers(request: Request) -> Actor:
    """Who acts, by the word of the service that calls."""
    said = {field: request.headers.get(header) for header, field in ACTOR_HEADERS.items()}
    return {field: value for field, value in said.items() if value}


def create_service(name: str, actor_of: Callable[[Request], Actor] = told_by_headers) -> FastAPI:
    """A FastAPI application whose spans and audit events go to the receiver at ``OTEL_AUDIT_ENDPOINT``.

    *actor_of* says who acts in a request: in everything recorded, and to every other service called.
    """
    provider = otel_audit.configure(service_name=name, service_version="1.0.0", environment="demo")
    HTTPXClientInstrumentor().instrument()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            app.state.client = client
            yield
        # Told to end, a server does not wait for exit handlers: what is still to be sent is sent here.
        provider.shutdown()
        otel_audit.shutdown()

    app = FastAPI(title=name, lifespan=lifespan)

    @app.middleware("http")
    async def say_who_acts(request: Request, call_next: Any) -> Response:
        request.state.actor = actor_of(request)
        with otel_audit.bind(**request.state.actor):
            response: Response = await call_next(request)
            return response

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz", exclude_spans=["receive", "send"])
    return app


async def call(request: Request, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to another service on behalf of whoever this request is for; its refusal becomes ours."""
    url = os.environ[f"SHOP_{service.upper()}_URL"]
    actor: Actor = request.state.actor
    headers = {header: actor[field] for header, field in ACTOR_HEADERS.items() if field in actor}
    answer = await request.app.state.client.post(f"{url}{path}", json=body, headers=headers)
    if answer.status_code >= 400:
        raise HTTPException(answer.status_code, f"{service}: {answer.json().get('detail')}")
    return dict(answer.json())
