"""Constructors of the group *external*: calls to others: shipping, tax, gateway, inventory sync, e-mail, SMS, analytics.

Written by ``python -m otel_audit.catalog.write`` from actions/external.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import Amount, Event, Id, More, made


def shipping_label_create_success(
    shipment_id: Id | None = None,
    *,
    order_id: Id,
    carrier: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``shipping.label.create.success``: info, success, ECS api/info.

    ``catalog.external.shipping_label_create_success("shipment-1", order_id="order-1", carrier="dhl")``
    """
    return made("shipping.label.create.success", "shipment", shipment_id, {"order_id": order_id, "carrier": carrier}, more)


def shipping_label_create_failed(
    shipment_id: Id | None = None,
    *,
    order_id: Id,
    carrier: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``shipping.label.create.failed``: notice, failure, ECS api/info.

    ``catalog.external.shipping_label_create_failed("shipment-1", order_id="order-1", carrier="dhl")``
    """
    return made("shipping.label.create.failed", "shipment", shipment_id, {"order_id": order_id, "carrier": carrier}, more)


def tax_calculate_success(
    order_id: Id | None = None,
    *,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``tax.calculate.success``: info, success, ECS api/info.

    ``catalog.external.tax_calculate_success("order-1", amount="49.90", currency="EUR")``
    """
    return made("tax.calculate.success", "order", order_id, {"amount": amount, "currency": currency}, more)


def tax_calculate_failed(
    order_id: Id | None = None,
    *,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``tax.calculate.failed``: notice, failure, ECS api/info.

    ``catalog.external.tax_calculate_failed("order-1", amount="49.90", currency="EUR")``
    """
    return made("tax.calculate.failed", "order", order_id, {"amount": amount, "currency": currency}, more)


def gateway_request_success(
    payment_id: Id | None = None,
    *,
    order_id: Id | None = None,
    gateway: str | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``gateway.request.success``: info, success, ECS api/info.

    ``catalog.external.gateway_request_success("payment-1", order_id="order-1", gateway="acme-pay", amount="49.90", currency="EUR")``
    """
    return made("gateway.request.success", "payment", payment_id, {"order_id": order_id, "gateway": gateway, "amount": amount, "currency": currency}, more)


def gateway_request_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id | None = None,
    gateway: str | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``gateway.request.failed``: notice, failure, ECS api/info.

    ``catalog.external.gateway_request_failed("payment-1", order_id="order-1", gateway="acme-pay", amount="49.90", currency="EUR")``
    """
    return made("gateway.request.failed", "payment", payment_id, {"order_id": order_id, "gateway": gateway, "amount": amount, "currency": currency}, more)


def inventory_sync_completed(
    warehouse_id: Id | None = None,
    *,
    count: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``inventory.sync.completed``: info, success, ECS api/info.

    ``catalog.external.inventory_sync_completed("warehouse-1", count=250)``
    """
    return made("inventory.sync.completed", "warehouse", warehouse_id, {"count": count}, more)


def inventory_sync_failed(
    warehouse_id: Id | None = None,
    *,
    count: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``inventory.sync.failed``: notice, failure, ECS api/info.

    ``catalog.external.inventory_sync_failed("warehouse-1", count=250)``
    """
    return made("inventory.sync.failed", "warehouse", warehouse_id, {"count": count}, more)


def email_send_success(
    message_id: Id | None = None,
    *,
    order_id: Id | None = None,
    user_id: Id | None = None,
    template: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``email.send.success``: info, success, ECS api/info.

    ``catalog.external.email_send_success("message-1", order_id="order-1", user_id="user-1", template="order-confirmed")``
    """
    return made("email.send.success", "message", message_id, {"order_id": order_id, "user_id": user_id, "template": template}, more)


def email_send_failed(
    message_id: Id | None = None,
    *,
    order_id: Id | None = None,
    user_id: Id | None = None,
    template: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``email.send.failed``: notice, failure, ECS api/info.

    ``catalog.external.email_send_failed("message-1", order_id="order-1", user_id="user-1", template="order-confirmed")``
    """
    return made("email.send.failed", "message", message_id, {"order_id": order_id, "user_id": user_id, "template": template}, more)


def sms_send_success(
    message_id: Id | None = None,
    *,
    order_id: Id | None = None,
    user_id: Id | None = None,
    template: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``sms.send.success``: info, success, ECS api/info.

    ``catalog.external.sms_send_success("message-1", order_id="order-1", user_id="user-1", template="order-confirmed")``
    """
    return made("sms.send.success", "message", message_id, {"order_id": order_id, "user_id": user_id, "template": template}, more)


def sms_send_failed(
    message_id: Id | None = None,
    *,
    order_id: Id | None = None,
    user_id: Id | None = None,
    template: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``sms.send.failed``: notice, failure, ECS api/info.

    ``catalog.external.sms_send_failed("message-1", order_id="order-1", user_id="user-1", template="order-confirmed")``
    """
    return made("sms.send.failed", "message", message_id, {"order_id": order_id, "user_id": user_id, "template": template}, more)


def analytics_send_success(
    event_id: Id | None = None,
    *,
    destination: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``analytics.send.success``: info, success, ECS api/info.

    ``catalog.external.analytics_send_success("event-1", destination="warehouse")``
    """
    return made("analytics.send.success", "event", event_id, {"destination": destination}, more)


def analytics_send_failed(
    event_id: Id | None = None,
    *,
    destination: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``analytics.send.failed``: notice, failure, ECS api/info.

    ``catalog.external.analytics_send_failed("event-1", destination="warehouse")``
    """
    return made("analytics.send.failed", "event", event_id, {"destination": destination}, more)
