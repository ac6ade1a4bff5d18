"""The storefront: login, and the gateway through which every customer and admin comes."""

import secrets
import uuid
from typing import Any

from fastapi import HTTPException, Request
from pydantic import BaseModel

import otel_audit
from examples.checkout.service import Actor, call, create_service
from otel_audit import catalog

ACCOUNTS = {
    "ann@example.org": ("correct horse", "u-ann", "user"),
    "bob@example.org": ("battery staple", "u-bob", "staff"),
}

#: Token ▶ who it stands for. The warehouse's label run is a machine: it has a token of its own and never logs in.
SESSIONS: dict[str, Actor] = {"token-of-the-label-run": {"actor_type": "system"}}


def by_session(request: Request) -> Actor:
    """Who acts, by the session alone: nobody outside can say to be somebody else.

    The address is the first proxy's word, which stands in for a load balancer's here.
    """
    address = request.headers.get("x-forwarded-for") or (request.client.host if request.client else "")
    session = SESSIONS.get(request.headers.get("x-session", ""), {"actor_type": "anonymous"})
    seen = {"ip_address": address, "user_agent": request.headers.get("user-agent", ""), "request_id": uuid.uuid4().hex}
    return {**session, **{field: value for field, value in seen.items() if value}}


app = create_service("storefront", by_session)


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
def login(login: Login) -> dict[str, str]:
    """Open a session; a wrong password is as much worth recording as a right one."""
    password, user_id, actor_type = ACCOUNTS.get(login.email, ("", "", "user"))
    if not password or not secrets.compare_digest(password.encode(), login.password.encode()):
        failed = catalog.user.login_failed(user_id or login.email, error_type="invalid_credentials")
        otel_audit.record(failed, user_email=login.email)
        raise HTTPException(401, "wrong e-mail or password")
    # The token is a secret and stays out of the log; the session id is not and goes into it.
    token, session_id = secrets.token_urlsafe(), f"s-{uuid.uuid4().hex[:12]}"
    actor: Actor = {"user_id": user_id, "user_email": login.email, "actor_type": actor_type, "session_id": session_id}
    with otel_audit.bind(**actor):
        otel_audit.record(catalog.user.login_success(user_id))
    SESSIONS[token] = actor
    return {"token": token, "session_id": session_id}


@app.post("/checkout")
async def checkout(checkout: Checkout, request: Request) -> dict[str, Any]:
    """Buy what is in the cart."""
    _only("user", request)
    return await call(request, "order", "/orders", checkout.model_dump())


@app.post("/admin/stock/{sku}")
async def correct_stock(sku: str, correction: Correction, request: Request) -> dict[str, Any]:
    """Set the stock of an article to what was counted by hand."""
    _only("staff", request)
    return await call(request, "inventory", f"/stock/{sku}/corrections", correction.model_dump())


@app.post("/jobs/labels/{order_id}")
async def print_label(order_id: str, request: Request) -> dict[str, Any]:
    """Print an order's label; the warehouse's label run asks for it, not a person."""
    _only("system", request)
    return await call(request, "shipping", f"/orders/{order_id}/label/print", {})


def _only(actor_type: str, request: Request) -> None:
    acting = request.state.actor["actor_type"]
    if acting == "anonymous":
        raise HTTPException(401, "log in first")
    if acting != actor_type:
        raise HTTPException(403, f"this is not for {acting}")
