"""Calls to others: shipping, tax, gateway, inventory sync, e-mail, SMS, analytics."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("shipping.label.create", "info", "api/info", target="shipment", ids=("order_id",)),
    Action("tax.calculate", "info", "api/info", target="order"),
    Action("gateway.request", "info", "api/info", target="payment", ids=("order_id",)),
    Action("inventory.sync", "info", "api/info", results=("completed", "failed"), target="warehouse"),
    Action("email.send", "info", "api/info", target="message", ids=("order_id", "user_id")),
    Action("sms.send", "info", "api/info", target="message", ids=("order_id", "user_id")),
    Action("analytics.send", "info", "api/info", target="event"),
)
