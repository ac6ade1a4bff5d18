"""Constructors of the group *order*: from cart to return: what happens to an order.

Written by ``python -m otel_audit.catalog.write`` from actions/order.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import Amount, Event, Id, More, made


def cart_create_success(
    cart_id: Id | None = None,
    *,
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.create.success``: info, success, ECS web/creation.

    ``catalog.order.cart_create_success("cart-1", user_id="user-1")``
    """
    return made("cart.create.success", "cart", cart_id, {"user_id": user_id}, more)


def cart_create_failed(
    cart_id: Id | None = None,
    *,
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.create.failed``: notice, failure, ECS web/creation.

    ``catalog.order.cart_create_failed("cart-1", user_id="user-1")``
    """
    return made("cart.create.failed", "cart", cart_id, {"user_id": user_id}, more)


def cart_item_add_success(
    cart_id: Id | None = None,
    *,
    product_id: Id,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.item.add.success``: info, success, ECS web/change.

    ``catalog.order.cart_item_add_success("cart-1", product_id="product-1", quantity=2)``
    """
    return made("cart.item.add.success", "cart", cart_id, {"product_id": product_id, "quantity": quantity}, more)


def cart_item_add_failed(
    cart_id: Id | None = None,
    *,
    product_id: Id,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.item.add.failed``: notice, failure, ECS web/change.

    ``catalog.order.cart_item_add_failed("cart-1", product_id="product-1", quantity=2)``
    """
    return made("cart.item.add.failed", "cart", cart_id, {"product_id": product_id, "quantity": quantity}, more)


def cart_item_update_success(
    cart_id: Id | None = None,
    *,
    product_id: Id,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.item.update.success``: info, success, ECS web/change.

    ``catalog.order.cart_item_update_success("cart-1", product_id="product-1", quantity=2)``
    """
    return made("cart.item.update.success", "cart", cart_id, {"product_id": product_id, "quantity": quantity}, more)


def cart_item_update_failed(
    cart_id: Id | None = None,
    *,
    product_id: Id,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.item.update.failed``: notice, failure, ECS web/change.

    ``catalog.order.cart_item_update_failed("cart-1", product_id="product-1", quantity=2)``
    """
    return made("cart.item.update.failed", "cart", cart_id, {"product_id": product_id, "quantity": quantity}, more)


def cart_item_remove_success(
    cart_id: Id | None = None,
    *,
    product_id: Id,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.item.remove.success``: info, success, ECS web/change.

    ``catalog.order.cart_item_remove_success("cart-1", product_id="product-1", quantity=2)``
    """
    return made("cart.item.remove.success", "cart", cart_id, {"product_id": product_id, "quantity": quantity}, more)


def cart_item_remove_failed(
    cart_id: Id | None = None,
    *,
    product_id: Id,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``cart.item.remove.failed``: notice, failure, ECS web/change.

    ``catalog.order.cart_item_remove_failed("cart-1", product_id="product-1", quantity=2)``
    """
    return made("cart.item.remove.failed", "cart", cart_id, {"product_id": product_id, "quantity": quantity}, more)


def checkout_start_success(
    order_id: Id | None = None,
    *,
    cart_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.checkout.start.success``: info, success, ECS web/start.

    ``catalog.order.checkout_start_success("order-1", cart_id="cart-1")``
    """
    return made("order.checkout.start.success", "order", order_id, {"cart_id": cart_id}, more)


def checkout_start_failed(
    order_id: Id | None = None,
    *,
    cart_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.checkout.start.failed``: notice, failure, ECS web/start.

    ``catalog.order.checkout_start_failed("order-1", cart_id="cart-1")``
    """
    return made("order.checkout.start.failed", "order", order_id, {"cart_id": cart_id}, more)


def checkout_abandon_success(
    order_id: Id | None = None,
    *,
    cart_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.checkout.abandon.success``: notice, success, ECS web/end.

    ``catalog.order.checkout_abandon_success("order-1", cart_id="cart-1")``
    """
    return made("order.checkout.abandon.success", "order", order_id, {"cart_id": cart_id}, more)


def create_success(
    order_id: Id | None = None,
    *,
    cart_id: Id | None = None,
    user_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.create.success``: notice, success, ECS web/creation.

    ``catalog.order.create_success("order-1", cart_id="cart-1", user_id="user-1", amount="49.90", currency="EUR")``
    """
    return made("order.create.success", "order", order_id, {"cart_id": cart_id, "user_id": user_id, "amount": amount, "currency": currency}, more)


def create_failed(
    order_id: Id | None = None,
    *,
    cart_id: Id | None = None,
    user_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.create.failed``: warning, failure, ECS web/creation.

    ``catalog.order.create_failed("order-1", cart_id="cart-1", user_id="user-1", amount="49.90", currency="EUR")``
    """
    return made("order.create.failed", "order", order_id, {"cart_id": cart_id, "user_id": user_id, "amount": amount, "currency": currency}, more)


def confirm_success(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.confirm.success``: notice, success, ECS web/change.

    ``catalog.order.confirm_success("order-1")``
    """
    return made("order.confirm.success", "order", order_id, {}, more)


def confirm_failed(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.confirm.failed``: warning, failure, ECS web/change.

    ``catalog.order.confirm_failed("order-1")``
    """
    return made("order.confirm.failed", "order", order_id, {}, more)


def modify_success(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.modify.success``: notice, success, ECS web/change.

    ``catalog.order.modify_success("order-1")``
    """
    return made("order.modify.success", "order", order_id, {}, more)


def modify_failed(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.modify.failed``: warning, failure, ECS web/change.

    ``catalog.order.modify_failed("order-1")``
    """
    return made("order.modify.failed", "order", order_id, {}, more)


def address_change_success(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.address.change.success``: notice, success, ECS web/change.

    ``catalog.order.address_change_success("order-1")``
    """
    return made("order.address.change.success", "order", order_id, {}, more)


def address_change_failed(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.address.change.failed``: warning, failure, ECS web/change.

    ``catalog.order.address_change_failed("order-1")``
    """
    return made("order.address.change.failed", "order", order_id, {}, more)


def status_update_success(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.status.update.success``: info, success, ECS web/change.

    ``catalog.order.status_update_success("order-1")``
    """
    return made("order.status.update.success", "order", order_id, {}, more)


def status_update_failed(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.status.update.failed``: notice, failure, ECS web/change.

    ``catalog.order.status_update_failed("order-1")``
    """
    return made("order.status.update.failed", "order", order_id, {}, more)


def cancel_request_success(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.cancel.request.success``: notice, success, ECS web/info.

    ``catalog.order.cancel_request_success("order-1")``
    """
    return made("order.cancel.request.success", "order", order_id, {}, more)


def cancel_request_failed(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.cancel.request.failed``: warning, failure, ECS web/info.

    ``catalog.order.cancel_request_failed("order-1")``
    """
    return made("order.cancel.request.failed", "order", order_id, {}, more)


def cancel_approved(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.cancel.approved``: notice, success, ECS web/change.

    ``catalog.order.cancel_approved("order-1")``
    """
    return made("order.cancel.approved", "order", order_id, {}, more)


def cancel_rejected(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.cancel.rejected``: warning, failure, ECS web/change.

    ``catalog.order.cancel_rejected("order-1")``
    """
    return made("order.cancel.rejected", "order", order_id, {}, more)


def cancel_failed(
    order_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.cancel.failed``: warning, failure, ECS web/change.

    ``catalog.order.cancel_failed("order-1")``
    """
    return made("order.cancel.failed", "order", order_id, {}, more)


def return_request_success(
    order_id: Id | None = None,
    *,
    return_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.return.request.success``: notice, success, ECS web/info.

    ``catalog.order.return_request_success("order-1", return_id="return-1")``
    """
    return made("order.return.request.success", "order", order_id, {"return_id": return_id}, more)


def return_request_failed(
    order_id: Id | None = None,
    *,
    return_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.return.request.failed``: warning, failure, ECS web/info.

    ``catalog.order.return_request_failed("order-1", return_id="return-1")``
    """
    return made("order.return.request.failed", "order", order_id, {"return_id": return_id}, more)


def return_receive_success(
    order_id: Id | None = None,
    *,
    return_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.return.receive.success``: notice, success, ECS web/change.

    ``catalog.order.return_receive_success("order-1", return_id="return-1")``
    """
    return made("order.return.receive.success", "order", order_id, {"return_id": return_id}, more)


def return_receive_failed(
    order_id: Id | None = None,
    *,
    return_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.return.receive.failed``: warning, failure, ECS web/change.

    ``catalog.order.return_receive_failed("order-1", return_id="return-1")``
    """
    return made("order.return.receive.failed", "order", order_id, {"return_id": return_id}, more)


def exchange_request_success(
    order_id: Id | None = None,
    *,
    exchange_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.exchange.request.success``: notice, success, ECS web/info.

    ``catalog.order.exchange_request_success("order-1", exchange_id="exchange-1")``
    """
    return made("order.exchange.request.success", "order", order_id, {"exchange_id": exchange_id}, more)


def exchange_request_failed(
    order_id: Id | None = None,
    *,
    exchange_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.exchange.request.failed``: warning, failure, ECS web/info.

    ``catalog.order.exchange_request_failed("order-1", exchange_id="exchange-1")``
    """
    return made("order.exchange.request.failed", "order", order_id, {"exchange_id": exchange_id}, more)


def exchange_completed(
    order_id: Id | None = None,
    *,
    exchange_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.exchange.completed``: notice, success, ECS web/change.

    ``catalog.order.exchange_completed("order-1", exchange_id="exchange-1")``
    """
    return made("order.exchange.completed", "order", order_id, {"exchange_id": exchange_id}, more)


def exchange_failed(
    order_id: Id | None = None,
    *,
    exchange_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.exchange.failed``: warning, failure, ECS web/change.

    ``catalog.order.exchange_failed("order-1", exchange_id="exchange-1")``
    """
    return made("order.exchange.failed", "order", order_id, {"exchange_id": exchange_id}, more)


def refund_processed(
    order_id: Id | None = None,
    *,
    amount: Amount,
    refund_id: Id | None = None,
    payment_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.refund.processed``: notice, success, ECS web/change.

    ``catalog.order.refund_processed("order-1", amount="49.90", refund_id="refund-1", payment_id="payment-1", currency="EUR")``
    """
    return made("order.refund.processed", "order", order_id, {"amount": amount, "refund_id": refund_id, "payment_id": payment_id, "currency": currency}, more)


def refund_failed(
    order_id: Id | None = None,
    *,
    amount: Amount,
    refund_id: Id | None = None,
    payment_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.refund.failed``: warning, failure, ECS web/change.

    ``catalog.order.refund_failed("order-1", amount="49.90", refund_id="refund-1", payment_id="payment-1", currency="EUR")``
    """
    return made("order.refund.failed", "order", order_id, {"amount": amount, "refund_id": refund_id, "payment_id": payment_id, "currency": currency}, more)


def label_print_success(
    order_id: Id | None = None,
    *,
    shipment_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.label.print.success``: info, success, ECS web/info.

    ``catalog.order.label_print_success("order-1", shipment_id="shipment-1")``
    """
    return made("order.label.print.success", "order", order_id, {"shipment_id": shipment_id}, more)


def label_print_failed(
    order_id: Id | None = None,
    *,
    shipment_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.label.print.failed``: notice, failure, ECS web/info.

    ``catalog.order.label_print_failed("order-1", shipment_id="shipment-1")``
    """
    return made("order.label.print.failed", "order", order_id, {"shipment_id": shipment_id}, more)


def customer_contact_success(
    order_id: Id | None = None,
    *,
    ticket_id: Id | None = None,
    channel: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.customer.contact.success``: info, success, ECS web/info.

    ``catalog.order.customer_contact_success("order-1", ticket_id="ticket-1", channel="email")``
    """
    return made("order.customer.contact.success", "order", order_id, {"ticket_id": ticket_id, "channel": channel}, more)


def customer_contact_failed(
    order_id: Id | None = None,
    *,
    ticket_id: Id | None = None,
    channel: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``order.customer.contact.failed``: notice, failure, ECS web/info.

    ``catalog.order.customer_contact_failed("order-1", ticket_id="ticket-1", channel="email")``
    """
    return made("order.customer.contact.failed", "order", order_id, {"ticket_id": ticket_id, "channel": channel}, more)


def ticket_open_success(
    order_id: Id | None = None,
    *,
    ticket_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.ticket.open.success``: info, success, ECS web/info.

    ``catalog.order.ticket_open_success("order-1", ticket_id="ticket-1")``
    """
    return made("order.ticket.open.success", "order", order_id, {"ticket_id": ticket_id}, more)


def ticket_open_failed(
    order_id: Id | None = None,
    *,
    ticket_id: Id,
    **more: Unpack[More],
) -> Event:
    """``order.ticket.open.failed``: notice, failure, ECS web/info.

    ``catalog.order.ticket_open_failed("order-1", ticket_id="ticket-1")``
    """
    return made("order.ticket.open.failed", "order", order_id, {"ticket_id": ticket_id}, more)
