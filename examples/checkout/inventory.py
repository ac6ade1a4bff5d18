"""The inventory service: how many of each article are there."""

from typing import Any

from fastapi import HTTPException
from opentelemetry import trace
from pydantic import BaseModel

import otel_audit
from examples.checkout.service import create_service
from otel_audit import catalog

app = create_service("inventory")
tracer = trace.get_tracer("shop.inventory")

STOCK = {"SKU-MUG": 200, "SKU-LAMP": 50}


class Sale(BaseModel):
    order_id: str
    count: int


class Correction(BaseModel):
    counted: int
    reason: str


@app.post("/stock/{sku}/sales")
def sell(sku: str, sale: Sale) -> dict[str, Any]:
    """Take goods out of stock for an order."""
    return _set(sku, STOCK.get(sku, 0) - sale.count, order_id=sale.order_id)


@app.post("/stock/{sku}/corrections")
def correct(sku: str, correction: Correction) -> dict[str, Any]:
    """Set the stock to what was counted by hand."""
    return _set(sku, correction.counted, reason=correction.reason)


def _set(sku: str, stock: int, order_id: str | None = None, reason: str | None = None) -> dict[str, Any]:
    before = {"stock": STOCK.get(sku)}
    with (
        tracer.start_as_current_span("update stock"),
        otel_audit.change(
            catalog.product.inventory_update_success(sku, order_id=order_id), before=before, reason=reason
        ) as change,
    ):
        if stock < 0:
            raise HTTPException(409, f"{sku} is out of stock")
        STOCK[sku] = stock
        change.after = {"stock": stock}
    return {"sku": sku, "stock": stock}
