"""The e-commerce actions everyone names alike, with severity, ECS category and the ids that tie them together.

    otel_audit.record(catalog.payment.capture_success("p-9", order_id="1001", amount="49.90"))

Each group is a module with a constructor for each event. An action that is not listed is as welcome as one that is: the
catalogue only knows more about the listed ones. docs/catalog.md lists them all.
"""

from dataclasses import dataclass

from otel_audit.catalog import access, external, order, payment, product, system, user
from otel_audit.catalog.action import OUTCOME_OF_RESULT, SEVERITIES, Action, Outcome, Severity, severity_after
from otel_audit.catalog.actions import ACTIONS, GROUPS
from otel_audit.catalog.event import Event

_EVERY_ID = tuple(sorted({name for action in ACTIONS.values() for name in action.ids}))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an event's name alone says about it."""

    outcome: Outcome
    severity: Severity
    category: str | None
    type: str | None
    resource_type: str | None
    ids: tuple[str, ...]


def meaning_of(name: str, outcome: Outcome | None = None) -> Meaning:
    """Read *name* (``resource.action.result``) by the catalogue; an *outcome* the event states wins.

    An unknown action is ``info`` (``notice`` when it failed), has no ECS category, and is tied
    by every id field the catalogue knows.
    """
    key, _, result = name.rpartition(".")
    known = ACTIONS.get(key)
    if known is None:
        outcome = outcome or OUTCOME_OF_RESULT.get(result, "unknown")
        return Meaning(outcome, severity_after("info", outcome), None, None, None, _EVERY_ID)
    outcome = outcome or known.outcome_of(result)
    category, _, kind = known.ecs.partition("/")
    severity = severity_after(known.severity, outcome)
    return Meaning(outcome, severity, category, kind, known.resource_type, known.ids)


__all__ = [
    "ACTIONS",
    "GROUPS",
    "SEVERITIES",
    "Action",
    "Event",
    "Meaning",
    "Outcome",
    "Severity",
    "access",
    "external",
    "meaning_of",
    "order",
    "payment",
    "product",
    "system",
    "user",
]
