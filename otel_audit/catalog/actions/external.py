"""Calls to others: shipping, tax, gateway, inventory sync, e-mail, SMS, analytics."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action(
        "shipping.label.create",
        "info",
        "api/info",
        target="shipment",
        ids=("order_id",),
        fields=("carrier",),
        required=("order_id",),
    ),
    Action("tax.calculate", "info", "api/info", target="order", fields=("amount", "currency")),
    Action(
        "gateway.request",
        "info",
        "api/info",
        target="payment",
        ids=("order_id",),
        fields=("gateway", "amount", "currency"),
    ),
    Action(
        "inventory.sync", "info", "api/info", results=("completed", "failed"), target="warehouse", fields=("count",)
    ),
    Action("email.send", "info", "api/info", target="message", ids=("order_id", "user_id"), fields=("template",)),
    Action("sms.send", "info", "api/info", target="message", ids=("order_id", "user_id"), fields=("template",)),
    Action("analytics.send", "info", "api/info", target="event", fields=("destination",)),
)
