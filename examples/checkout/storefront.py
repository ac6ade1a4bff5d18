"""The storefront: login, and the gateway through which every customer and admin comes."""

import uuid
from typing import Any

from fastapi import HTTPException, Request
from pydantic import BaseModel

import otel_audit
from examples.checkout.service import ACTOR_HEADERS, call, create_service

app = create_service("storefront")

ACCOUNTS = {
    "ann@example.org": ("correct horse", "u-ann", "user"),
    "bob@example.org": ("battery staple", "u-bob", "staff"),
}
SESSIONS: dict[str, dict[str, str]] = {}


class Login(BaseModel):
    email: str
    password: str


class Checkout(BaseModel):
    items: dict[str, int]
    card: str


class Correction(BaseModel):
    counted: int
    reason: str


@app.post("/login")
def login(login: Login, request: Request) -> dict[str, str]:
    """Open a session; a wrong password is as much worth recording as a right one."""
    password, user_id, actor_type = ACCOUNTS.get(login.email, (None, None, "user"))
    with otel_audit.bind(user_email=login.email, **_client(request)):
        if password is None or password != login.password:
            otel_audit.record("user.login.failed", reason="wrong e-mail or password", error_type="invalid_credentials")
            raise HTTPException(401, "wrong e-mail or password")
        session = {"x-session-id": f"s-{uuid.uuid4().hex[:12]}", "x-user-id": str(user_id), "x-actor-type": actor_type}
        SESSIONS[session["x-session-id"]] = {**session, "x-user-email": login.email}
        with otel_audit.bind(user_id=user_id, session_id=session["x-session-id"]):
            otel_audit.record("user.login.success", resource=("user", str(user_id)))
    return {"session": session["x-session-id"]}


@app.post("/checkout")
async def checkout(checkout: Checkout, request: Request) -> dict[str, Any]:
    """Buy what is in the cart."""
    return await call(_acting(request), "order", "/orders", checkout.model_dump())


@app.post("/admin/stock/{sku}")
async def correct_stock(sku: str, correction: Correction, request: Request) -> dict[str, Any]:
    """Set the stock of an article to what was counted by hand."""
    return await call(_acting(request), "inventory", f"/stock/{sku}/corrections", correction.model_dump())


@app.post("/orders/{order_id}/label")
async def print_label(order_id: str, request: Request) -> dict[str, Any]:
    """Print an order's label again."""
    return await call(_acting(request), "shipping", f"/orders/{order_id}/label/print", {})


def _client(request: Request) -> dict[str, Any]:
    """Where the request comes from; the first proxy's word stands in for a load balancer's here."""
    address = request.headers.get("x-forwarded-for") or (request.client.host if request.client else None)
    return {"ip_address": address, "user_agent": request.headers.get("user-agent")}


def _acting(request: Request) -> Request:
    """The request with the session's actor in its headers, and none that the client made up."""
    session = SESSIONS.get(request.headers.get("x-session", ""))
    if session is None:
        raise HTTPException(401, "log in first")
    client = _client(request)
    told = {
        **session,
        "x-client-address": client["ip_address"] or "",
        "x-client-agent": client["user_agent"] or "",
        "x-request-id": uuid.uuid4().hex,
    }
    kept = [(name, value) for name, value in request.scope["headers"] if name.decode() not in ACTOR_HEADERS]
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    return Request({**request.scope, "headers": [*kept, *headers]})
