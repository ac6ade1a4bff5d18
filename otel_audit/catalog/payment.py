"""Constructors of the group *payment*: money: methods, authorization, capture, refund, chargeback, subscription.

Written by ``python -m otel_audit.catalog.write`` from actions/payment.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import Amount, Event, Id, More, made


def method_select_success(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.method.select.success``: info, success, ECS web/info.

    ``catalog.payment.method_select_success("payment-1", order_id="order-1", method="totp")``
    """
    return made("payment.method.select.success", "payment", payment_id, {"order_id": order_id, "method": method}, more)


def method_select_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.method.select.failed``: notice, failure, ECS web/info.

    ``catalog.payment.method_select_failed("payment-1", order_id="order-1", method="totp")``
    """
    return made("payment.method.select.failed", "payment", payment_id, {"order_id": order_id, "method": method}, more)


def method_validate_success(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.method.validate.success``: info, success, ECS web/info.

    ``catalog.payment.method_validate_success("payment-1", order_id="order-1", method="totp")``
    """
    return made("payment.method.validate.success", "payment", payment_id, {"order_id": order_id, "method": method}, more)


def method_validate_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.method.validate.failed``: notice, failure, ECS web/info.

    ``catalog.payment.method_validate_failed("payment-1", order_id="order-1", method="totp")``
    """
    return made("payment.method.validate.failed", "payment", payment_id, {"order_id": order_id, "method": method}, more)


def authorize_success(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    authorization_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.authorize.success``: notice, success, ECS web/info.

    ``catalog.payment.authorize_success("payment-1", order_id="order-1", amount="49.90", authorization_id="authorization-1", currency="EUR")``
    """
    return made("payment.authorize.success", "payment", payment_id, {"order_id": order_id, "amount": amount, "authorization_id": authorization_id, "currency": currency}, more)


def authorize_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    authorization_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.authorize.failed``: warning, failure, ECS web/info.

    ``catalog.payment.authorize_failed("payment-1", order_id="order-1", amount="49.90", authorization_id="authorization-1", currency="EUR")``
    """
    return made("payment.authorize.failed", "payment", payment_id, {"order_id": order_id, "amount": amount, "authorization_id": authorization_id, "currency": currency}, more)


def capture_success(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    authorization_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.capture.success``: notice, success, ECS web/change.

    ``catalog.payment.capture_success("payment-1", order_id="order-1", amount="49.90", authorization_id="authorization-1", currency="EUR")``
    """
    return made("payment.capture.success", "payment", payment_id, {"order_id": order_id, "amount": amount, "authorization_id": authorization_id, "currency": currency}, more)


def capture_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    authorization_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.capture.failed``: warning, failure, ECS web/change.

    ``catalog.payment.capture_failed("payment-1", order_id="order-1", amount="49.90", authorization_id="authorization-1", currency="EUR")``
    """
    return made("payment.capture.failed", "payment", payment_id, {"order_id": order_id, "amount": amount, "authorization_id": authorization_id, "currency": currency}, more)


def refund_request_success(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    refund_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.refund.request.success``: notice, success, ECS web/info.

    ``catalog.payment.refund_request_success("payment-1", order_id="order-1", amount="49.90", refund_id="refund-1", currency="EUR")``
    """
    return made("payment.refund.request.success", "payment", payment_id, {"order_id": order_id, "amount": amount, "refund_id": refund_id, "currency": currency}, more)


def refund_request_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    refund_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.refund.request.failed``: warning, failure, ECS web/info.

    ``catalog.payment.refund_request_failed("payment-1", order_id="order-1", amount="49.90", refund_id="refund-1", currency="EUR")``
    """
    return made("payment.refund.request.failed", "payment", payment_id, {"order_id": order_id, "amount": amount, "refund_id": refund_id, "currency": currency}, more)


def refund_processed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    refund_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.refund.processed``: notice, success, ECS web/change.

    ``catalog.payment.refund_processed("payment-1", order_id="order-1", amount="49.90", refund_id="refund-1", currency="EUR")``
    """
    return made("payment.refund.processed", "payment", payment_id, {"order_id": order_id, "amount": amount, "refund_id": refund_id, "currency": currency}, more)


def refund_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    amount: Amount,
    refund_id: Id | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.refund.failed``: warning, failure, ECS web/change.

    ``catalog.payment.refund_failed("payment-1", order_id="order-1", amount="49.90", refund_id="refund-1", currency="EUR")``
    """
    return made("payment.refund.failed", "payment", payment_id, {"order_id": order_id, "amount": amount, "refund_id": refund_id, "currency": currency}, more)


def chargeback_receive_success(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    chargeback_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.chargeback.receive.success``: warning, success, ECS web/info.

    ``catalog.payment.chargeback_receive_success("payment-1", order_id="order-1", chargeback_id="chargeback-1", amount="49.90", currency="EUR")``
    """
    return made("payment.chargeback.receive.success", "payment", payment_id, {"order_id": order_id, "chargeback_id": chargeback_id, "amount": amount, "currency": currency}, more)


def chargeback_receive_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    chargeback_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.chargeback.receive.failed``: critical, failure, ECS web/info.

    ``catalog.payment.chargeback_receive_failed("payment-1", order_id="order-1", chargeback_id="chargeback-1", amount="49.90", currency="EUR")``
    """
    return made("payment.chargeback.receive.failed", "payment", payment_id, {"order_id": order_id, "chargeback_id": chargeback_id, "amount": amount, "currency": currency}, more)


def chargeback_resolved(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    chargeback_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.chargeback.resolved``: notice, success, ECS web/change.

    ``catalog.payment.chargeback_resolved("payment-1", order_id="order-1", chargeback_id="chargeback-1", amount="49.90", currency="EUR")``
    """
    return made("payment.chargeback.resolved", "payment", payment_id, {"order_id": order_id, "chargeback_id": chargeback_id, "amount": amount, "currency": currency}, more)


def chargeback_failed(
    payment_id: Id | None = None,
    *,
    order_id: Id,
    chargeback_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``payment.chargeback.failed``: warning, failure, ECS web/change.

    ``catalog.payment.chargeback_failed("payment-1", order_id="order-1", chargeback_id="chargeback-1", amount="49.90", currency="EUR")``
    """
    return made("payment.chargeback.failed", "payment", payment_id, {"order_id": order_id, "chargeback_id": chargeback_id, "amount": amount, "currency": currency}, more)


def subscription_create_success(
    subscription_id: Id | None = None,
    *,
    user_id: Id,
    plan: str | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``subscription.create.success``: notice, success, ECS web/creation.

    ``catalog.payment.subscription_create_success("subscription-1", user_id="user-1", plan="monthly", amount="49.90", currency="EUR")``
    """
    return made("subscription.create.success", "subscription", subscription_id, {"user_id": user_id, "plan": plan, "amount": amount, "currency": currency}, more)


def subscription_create_failed(
    subscription_id: Id | None = None,
    *,
    user_id: Id,
    plan: str | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``subscription.create.failed``: warning, failure, ECS web/creation.

    ``catalog.payment.subscription_create_failed("subscription-1", user_id="user-1", plan="monthly", amount="49.90", currency="EUR")``
    """
    return made("subscription.create.failed", "subscription", subscription_id, {"user_id": user_id, "plan": plan, "amount": amount, "currency": currency}, more)


def subscription_renew_success(
    subscription_id: Id | None = None,
    *,
    payment_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``subscription.renew.success``: info, success, ECS web/change.

    ``catalog.payment.subscription_renew_success("subscription-1", payment_id="payment-1", amount="49.90", currency="EUR")``
    """
    return made("subscription.renew.success", "subscription", subscription_id, {"payment_id": payment_id, "amount": amount, "currency": currency}, more)


def subscription_renew_failed(
    subscription_id: Id | None = None,
    *,
    payment_id: Id | None = None,
    amount: Amount | None = None,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``subscription.renew.failed``: notice, failure, ECS web/change.

    ``catalog.payment.subscription_renew_failed("subscription-1", payment_id="payment-1", amount="49.90", currency="EUR")``
    """
    return made("subscription.renew.failed", "subscription", subscription_id, {"payment_id": payment_id, "amount": amount, "currency": currency}, more)


def subscription_cancel_success(
    subscription_id: Id | None = None,
    *,
    user_id: Id,
    **more: Unpack[More],
) -> Event:
    """``subscription.cancel.success``: notice, success, ECS web/change.

    ``catalog.payment.subscription_cancel_success("subscription-1", user_id="user-1")``
    """
    return made("subscription.cancel.success", "subscription", subscription_id, {"user_id": user_id}, more)


def subscription_cancel_failed(
    subscription_id: Id | None = None,
    *,
    user_id: Id,
    **more: Unpack[More],
) -> Event:
    """``subscription.cancel.failed``: warning, failure, ECS web/change.

    ``catalog.payment.subscription_cancel_failed("subscription-1", user_id="user-1")``
    """
    return made("subscription.cancel.failed", "subscription", subscription_id, {"user_id": user_id}, more)
