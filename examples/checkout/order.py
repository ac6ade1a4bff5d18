"""The order service: turns a cart into an order, and asks the others to pay, pick and ship it."""

import uuid
from typing import Any

from fastapi import Request
from opentelemetry import trace
from pydantic import BaseModel

import otel_audit
from examples.checkout.service import call, create_service
from otel_audit import catalog

app = create_service("order")
tracer = trace.get_tracer("shop.order")

PRICES = {"SKU-MUG": 12.50, "SKU-LAMP": 89.00}


class NewOrder(BaseModel):
    items: dict[str, int]
    card: str


@app.post("/orders")
async def create(new: NewOrder, request: Request) -> dict[str, Any]:
    """Create an order, pay it, take the goods out of stock, make its shipping label."""
    order_id = f"o-{uuid.uuid4().hex[:10]}"
    total = sum(PRICES[sku] * count for sku, count in new.items.items())
    with tracer.start_as_current_span("create order"):
        order = {"status": "created", "items": new.items, "total": total, "currency": "EUR"}
        otel_audit.record(catalog.order.create_success(order_id, amount=total, currency="EUR", after=order))
    payment = await call(
        request, "payment", "/payments", {"order_id": order_id, "amount": total, "currency": "EUR", "card": new.card}
    )
    for sku, count in new.items.items():
        await call(request, "inventory", f"/stock/{sku}/sales", {"order_id": order_id, "count": count})
    shipment = await call(request, "shipping", "/shipments", {"order_id": order_id})
    return {"order_id": order_id, **payment, **shipment}
