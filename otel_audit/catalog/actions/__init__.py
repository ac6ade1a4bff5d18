"""What there is to choose from: the seven groups' actions, one file each."""

from collections.abc import Mapping

from otel_audit.catalog.action import Action
from otel_audit.catalog.actions import access, external, order, payment, product, system, user

GROUPS: Mapping[str, tuple[Action, ...]] = {
    "user": user.ACTIONS,
    "order": order.ACTIONS,
    "payment": payment.ACTIONS,
    "product": product.ACTIONS,
    "access": access.ACTIONS,
    "external": external.ACTIONS,
    "system": system.ACTIONS,
}
ACTIONS: Mapping[str, Action] = {action.key: action for group in GROUPS.values() for action in group}
