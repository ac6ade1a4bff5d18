"""The shipping service: makes labels, and sends them to a printer that is not always there."""

import uuid
from typing import Any

from fastapi import HTTPException
from opentelemetry import trace
from pydantic import BaseModel

import otel_audit
from examples.checkout.service import create_service
from otel_audit import catalog

app = create_service("shipping")
tracer = trace.get_tracer("shop.shipping")

PRINTER = "warehouse_printer_2"


class NewShipment(BaseModel):
    order_id: str


class PrinterOffline(Exception):
    """The printer does not answer."""


@app.post("/shipments")
def ship(new: NewShipment) -> dict[str, Any]:
    """Make the label of an order's shipment."""
    shipment_id = f"sh-{uuid.uuid4().hex[:10]}"
    with tracer.start_as_current_span("create label"):
        made = {"status": "label_created", "carrier": "parcel"}
        otel_audit.record(
            catalog.external.shipping_label_create_success(
                shipment_id, order_id=new.order_id, carrier="parcel", after=made
            )
        )
    return {"shipment_id": shipment_id}


@app.post("/orders/{order_id}/label/print")
def print_label(order_id: str) -> dict[str, Any]:
    """Send the label to the printer; when that fails the log says so, and the trace where."""
    try:
        with tracer.start_as_current_span("print label", attributes={"printer.id": PRINTER}):
            try:
                _send_to(PRINTER)
            except PrinterOffline as error:
                otel_audit.record(
                    catalog.order.label_print_failed(
                        order_id,
                        error_type="printer_offline",
                        error_message=str(error),
                        metadata={"printer_id": PRINTER},
                    )
                )
                raise
    except PrinterOffline as error:
        raise HTTPException(502, str(error)) from error
    return {"order_id": order_id}


def _send_to(printer: str) -> None:
    raise PrinterOffline(f"{printer} does not answer")
