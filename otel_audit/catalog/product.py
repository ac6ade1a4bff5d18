"""Constructors of the group *product*: what is sold: products, prices, stock, categories, attributes.

Written by ``python -m otel_audit.catalog.write`` from actions/product.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import Event, Id, More, made


def create_success(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.create.success``: info, success, ECS database/creation.

    ``catalog.product.create_success("product-1")``
    """
    return made("product.create.success", "product", product_id, {}, more)


def create_failed(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.create.failed``: notice, failure, ECS database/creation.

    ``catalog.product.create_failed("product-1")``
    """
    return made("product.create.failed", "product", product_id, {}, more)


def update_success(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.update.success``: info, success, ECS database/change.

    ``catalog.product.update_success("product-1")``
    """
    return made("product.update.success", "product", product_id, {}, more)


def update_failed(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.update.failed``: notice, failure, ECS database/change.

    ``catalog.product.update_failed("product-1")``
    """
    return made("product.update.failed", "product", product_id, {}, more)


def delete_success(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.delete.success``: notice, success, ECS database/deletion.

    ``catalog.product.delete_success("product-1")``
    """
    return made("product.delete.success", "product", product_id, {}, more)


def delete_failed(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.delete.failed``: warning, failure, ECS database/deletion.

    ``catalog.product.delete_failed("product-1")``
    """
    return made("product.delete.failed", "product", product_id, {}, more)


def price_update_success(
    product_id: Id | None = None,
    *,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.price.update.success``: notice, success, ECS database/change.

    ``catalog.product.price_update_success("product-1", currency="EUR")``
    """
    return made("product.price.update.success", "product", product_id, {"currency": currency}, more)


def price_update_failed(
    product_id: Id | None = None,
    *,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.price.update.failed``: warning, failure, ECS database/change.

    ``catalog.product.price_update_failed("product-1", currency="EUR")``
    """
    return made("product.price.update.failed", "product", product_id, {"currency": currency}, more)


def sale_price_update_success(
    product_id: Id | None = None,
    *,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.sale_price.update.success``: notice, success, ECS database/change.

    ``catalog.product.sale_price_update_success("product-1", currency="EUR")``
    """
    return made("product.sale_price.update.success", "product", product_id, {"currency": currency}, more)


def sale_price_update_failed(
    product_id: Id | None = None,
    *,
    currency: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.sale_price.update.failed``: warning, failure, ECS database/change.

    ``catalog.product.sale_price_update_failed("product-1", currency="EUR")``
    """
    return made("product.sale_price.update.failed", "product", product_id, {"currency": currency}, more)


def category_update_success(
    product_id: Id | None = None,
    *,
    category: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.category.update.success``: info, success, ECS database/change.

    ``catalog.product.category_update_success("product-1", category="shoes")``
    """
    return made("product.category.update.success", "product", product_id, {"category": category}, more)


def category_update_failed(
    product_id: Id | None = None,
    *,
    category: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.category.update.failed``: notice, failure, ECS database/change.

    ``catalog.product.category_update_failed("product-1", category="shoes")``
    """
    return made("product.category.update.failed", "product", product_id, {"category": category}, more)


def attribute_update_success(
    product_id: Id | None = None,
    *,
    attribute: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.attribute.update.success``: info, success, ECS database/change.

    ``catalog.product.attribute_update_success("product-1", attribute="colour")``
    """
    return made("product.attribute.update.success", "product", product_id, {"attribute": attribute}, more)


def attribute_update_failed(
    product_id: Id | None = None,
    *,
    attribute: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.attribute.update.failed``: notice, failure, ECS database/change.

    ``catalog.product.attribute_update_failed("product-1", attribute="colour")``
    """
    return made("product.attribute.update.failed", "product", product_id, {"attribute": attribute}, more)


def seo_update_success(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.seo.update.success``: info, success, ECS database/change.

    ``catalog.product.seo_update_success("product-1")``
    """
    return made("product.seo.update.success", "product", product_id, {}, more)


def seo_update_failed(
    product_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``product.seo.update.failed``: notice, failure, ECS database/change.

    ``catalog.product.seo_update_failed("product-1")``
    """
    return made("product.seo.update.failed", "product", product_id, {}, more)


def inventory_update_success(
    inventory_item_id: Id | None = None,
    *,
    order_id: Id | None = None,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``inventory.update.success``: info, success, ECS database/change.

    ``catalog.product.inventory_update_success("inventory-item-1", order_id="order-1", quantity=2)``
    """
    return made("inventory.update.success", "inventory_item", inventory_item_id, {"order_id": order_id, "quantity": quantity}, more)


def inventory_update_failed(
    inventory_item_id: Id | None = None,
    *,
    order_id: Id | None = None,
    quantity: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``inventory.update.failed``: notice, failure, ECS database/change.

    ``catalog.product.inventory_update_failed("inventory-item-1", order_id="order-1", quantity=2)``
    """
    return made("inventory.update.failed", "inventory_item", inventory_item_id, {"order_id": order_id, "quantity": quantity}, more)
