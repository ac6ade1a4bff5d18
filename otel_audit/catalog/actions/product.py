"""What is sold: products, prices, stock, categories, attributes."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("product.create", "info", "database/creation"),
    Action("product.update", "info", "database/change"),
    Action("product.delete", "notice", "database/deletion"),
    Action("product.price.update", "notice", "database/change", fields=("currency",)),
    Action("product.sale_price.update", "notice", "database/change", fields=("currency",)),
    Action("product.category.update", "info", "database/change", fields=("category",)),
    Action("product.attribute.update", "info", "database/change", fields=("attribute",)),
    Action("product.seo.update", "info", "database/change"),
    Action(
        "inventory.update", "info", "database/change", target="inventory_item", ids=("order_id",), fields=("quantity",)
    ),
)
