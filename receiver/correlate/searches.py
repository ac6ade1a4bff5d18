"""Named searches: what an incident asks for again and again, with what has to be filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from receiver.clock import SECOND_NS

HOUR_NS = 3600 * SECOND_NS


@dataclass(frozen=True, slots=True)
class NamedSearch:
    """Filters that are given, those that must be said, and how far back it looks where ``from`` is not said.

    Any other filter may be added. ``fixed`` and ``required`` are names of ``GET /entries``.
    """

    name: str
    title: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    hours: int | None = None


SEARCHES: Mapping[str, NamedSearch] = {
    each.name: each
    for each in (
        NamedSearch("recent-critical", "Critical events of the last 24 hours", {"severity": "critical"}, hours=24),
        NamedSearch(
            "failed-logins",
            "Failed logins of the last 24 hours, of one address or all",
            {"action": "user.login.failed"},
            optional=("ip_address", "user_id"),
            hours=24,
        ),
        NamedSearch("resource-changes", "Changes to a resource", {}, required=("resource_type", "resource_id")),
        NamedSearch(
            "permission-changes",
            "Changes of roles, permissions and API keys",
            {"action": "user.role.*,user.permission.*,api_key.create.*,api_key.revoke.*,account.*"},
            optional=("resource_id", "user_id"),
        ),
        NamedSearch(
            "refunds-above",
            "Refunds above an amount",
            {"action": "order.refund.processed,payment.refund.processed"},
            required=("amount_min",),
            optional=("user_id",),
        ),
        NamedSearch(
            "customer-payments",
            "A customer's payments with address, agent and session",
            {"action": "payment.*"},
            required=("user_id",),
        ),
    )
}
