"""From cart to return: what happens to an order."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("cart.create", "info", "web/creation", ids=("user_id",)),
    Action("cart.item.add", "info", "web/change", ids=("product_id",), fields=("quantity",), required=("product_id",)),
    Action(
        "cart.item.update", "info", "web/change", ids=("product_id",), fields=("quantity",), required=("product_id",)
    ),
    Action(
        "cart.item.remove", "info", "web/change", ids=("product_id",), fields=("quantity",), required=("product_id",)
    ),
    Action("order.checkout.start", "info", "web/start", ids=("cart_id",)),
    Action("order.checkout.abandon", "notice", "web/end", results=("success",), ids=("cart_id",)),
    Action("order.create", "notice", "web/creation", ids=("cart_id", "user_id"), fields=("amount", "currency")),
    Action("order.confirm", "notice", "web/change"),
    Action("order.modify", "notice", "web/change"),
    Action("order.address.change", "notice", "web/change"),
    Action("order.status.update", "info", "web/change"),
    Action("order.cancel.request", "notice", "web/info"),
    Action(
        "order.cancel",
        "notice",
        "web/change",
        results=("approved", "rejected", "failed"),
        outcomes={"approved": "success", "rejected": "failure"},
    ),
    Action("order.return.request", "notice", "web/info", ids=("return_id",), required=("return_id",)),
    Action("order.return.receive", "notice", "web/change", ids=("return_id",), required=("return_id",)),
    Action("order.exchange.request", "notice", "web/info", ids=("exchange_id",), required=("exchange_id",)),
    Action(
        "order.exchange",
        "notice",
        "web/change",
        results=("completed", "failed"),
        ids=("exchange_id",),
        required=("exchange_id",),
    ),
    Action(
        "order.refund",
        "notice",
        "web/change",
        results=("processed", "failed"),
        ids=("refund_id", "payment_id"),
        fields=("amount", "currency"),
        required=("amount",),
    ),
    Action("order.label.print", "info", "web/info", ids=("shipment_id",)),
    Action("order.customer.contact", "info", "web/info", ids=("ticket_id",), fields=("channel",)),
    Action("order.ticket.open", "info", "web/info", ids=("ticket_id",), required=("ticket_id",)),
)
