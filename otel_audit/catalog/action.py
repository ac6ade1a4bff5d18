"""What the catalogue knows about one action."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["success", "failure", "unknown"]
Severity = Literal["info", "notice", "warning", "critical"]

SEVERITIES: tuple[Severity, ...] = ("info", "notice", "warning", "critical")

#: The last part of a name that says how it went, whatever comes before it.
OUTCOME_OF_RESULT: Mapping[str, Outcome] = {
    **dict.fromkeys(("success", "processed", "completed", "resolved", "passed", "enabled", "granted"), "success"),
    **dict.fromkeys(("failed", "denied", "rejected", "declined", "error"), "failure"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """One line of the catalogue: an action's name without its result, and what follows from it.

    *severity* is that of a success; *ecs* is ``category/type`` of Elastic Common Schema;
    *ids* are the metadata fields that tie an entry to other resources beside its target; *fields* are what else is
    usually told of it. Of both, *required* are those without which an entry explains nothing.
    """

    key: str
    severity: Severity
    ecs: str
    results: tuple[str, ...] = ("success", "failed")
    target: str | None = None
    ids: tuple[str, ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    required: tuple[str, ...] = ()

    @property
    def resource_type(self) -> str:
        """The type of resource acted on: the first part of the name where nothing else is said."""
        return self.target or self.key.partition(".")[0]

    @property
    def target_id(self) -> str:
        """What the id of the resource acted on is called."""
        return f"{self.resource_type}_id"

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that is told of it beside the resource acted on, what is required first."""
        every = dict.fromkeys((*self.required, *self.ids, *self.fields))
        return tuple(name for name in every if name != self.target_id)

    def outcome_of(self, result: str) -> Outcome:
        """How *result* counts; ``unknown`` when neither this action nor the general list says."""
        return self.outcomes.get(result) or OUTCOME_OF_RESULT.get(result, "unknown")


def severity_after(severity: Severity, outcome: Outcome) -> Severity:
    """The severity of an outcome: a failure is one step above a success, at least ``notice``."""
    if outcome != "failure":
        return severity
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]
