"""The payment service: authorizes an amount, then captures it."""

import uuid
from typing import Any

from opentelemetry import trace
from pydantic import BaseModel

import otel_audit
from examples.checkout.service import create_service
from otel_audit import catalog

app = create_service("payment")
tracer = trace.get_tracer("shop.payment")


class NewPayment(BaseModel):
    order_id: str
    amount: float
    currency: str
    card: str


@app.post("/payments")
def pay(new: NewPayment) -> dict[str, Any]:
    """Take the money. Of the card only the last four digits are told."""
    payment_id, authorization_id = f"p-{uuid.uuid4().hex[:10]}", f"a-{uuid.uuid4().hex[:10]}"
    card = {"card_last4": new.card[-4:]}
    of = {"order_id": new.order_id, "authorization_id": authorization_id}
    with tracer.start_as_current_span("authorize"):
        authorized = {"status": "authorized", "amount": new.amount}
        otel_audit.record(
            catalog.payment.authorize_success(
                payment_id, amount=new.amount, currency=new.currency, **of, after=authorized, metadata=card
            )
        )
    with (
        tracer.start_as_current_span("capture"),
        otel_audit.change(
            catalog.payment.capture_success(
                payment_id, amount=new.amount, currency=new.currency, **of, before=authorized, metadata=card
            )
        ) as change,
    ):
        change.after = {"status": "captured", "amount": new.amount}
    return {"payment_id": payment_id}
