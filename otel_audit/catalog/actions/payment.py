"""Money: methods, authorization, capture, refund, chargeback, subscription."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("payment.method.select", "info", "web/info", ids=("order_id",), fields=("method",), required=("order_id",)),
    Action(
        "payment.method.validate", "info", "web/info", ids=("order_id",), fields=("method",), required=("order_id",)
    ),
    Action(
        "payment.authorize",
        "notice",
        "web/info",
        ids=("order_id", "authorization_id"),
        fields=("amount", "currency"),
        required=("order_id", "amount"),
    ),
    Action(
        "payment.capture",
        "notice",
        "web/change",
        ids=("order_id", "authorization_id"),
        fields=("amount", "currency"),
        required=("order_id", "amount"),
    ),
    Action(
        "payment.refund.request",
        "notice",
        "web/info",
        ids=("order_id", "refund_id"),
        fields=("amount", "currency"),
        required=("order_id", "amount"),
    ),
    Action(
        "payment.refund",
        "notice",
        "web/change",
        results=("processed", "failed"),
        ids=("order_id", "refund_id"),
        fields=("amount", "currency"),
        required=("order_id", "amount"),
    ),
    Action(
        "payment.chargeback.receive",
        "warning",
        "web/info",
        ids=("order_id", "chargeback_id"),
        fields=("amount", "currency"),
        required=("order_id",),
    ),
    Action(
        "payment.chargeback",
        "notice",
        "web/change",
        results=("resolved", "failed"),
        ids=("order_id", "chargeback_id"),
        fields=("amount", "currency"),
        required=("order_id",),
    ),
    Action(
        "subscription.create",
        "notice",
        "web/creation",
        ids=("user_id",),
        fields=("plan", "amount", "currency"),
        required=("user_id",),
    ),
    Action("subscription.renew", "info", "web/change", ids=("payment_id",), fields=("amount", "currency")),
    Action("subscription.cancel", "notice", "web/change", ids=("user_id",), required=("user_id",)),
)
