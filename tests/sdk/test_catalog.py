"""The catalogue says what the binding list says, and reads a name accordingly."""

from pathlib import Path

import pytest
import yaml

from otel_audit.catalog import ACTIONS, GROUPS, meaning_of

BINDING = yaml.safe_load((Path(__file__).parent.parent / "golden" / "catalog.yaml").read_text())


def test_groups_and_keys_are_the_binding_ones():
    """No action is missing, none is invented, and each stands in its group."""
    assert {group: [action.key for action in actions] for group, actions in GROUPS.items()} == {
        group: list(actions) for group, actions in BINDING.items()
    }


@pytest.mark.parametrize(("key", "line"), [pair for group in BINDING.values() for pair in group.items()])
def test_every_line_is_taken_over_whole(key: str, line: dict[str, object]):
    """Severity, ECS category, results, target, ids and outcomes are the binding ones."""
    action = ACTIONS[key]
    assert {
        "severity": action.severity,
        "ecs": action.ecs,
        "results": list(action.results),
        "target": action.target,
        "ids": list(action.ids),
        "outcome": dict(action.outcomes),
    } == {
        "severity": line["severity"],
        "ecs": line["ecs"],
        "results": line.get("results", ["success", "failed"]),
        "target": line.get("target"),
        "ids": line.get("ids", []),
        "outcome": line.get("outcome", {}),
    }


@pytest.mark.parametrize(
    ("name", "outcome", "severity"),
    [
        ("user.login.success", "success", "info"),
        ("user.login.failed", "failure", "notice"),
        ("user.account.lock.failed", "failure", "critical"),
        ("order.cancel.approved", "success", "notice"),
        ("order.cancel.rejected", "failure", "warning"),
        ("order.refund.processed", "success", "notice"),
        ("warehouse.robot.move.declined", "failure", "notice"),
        ("warehouse.robot.move.begun", "unknown", "info"),
        ("oddity", "unknown", "info"),
    ],
)
def test_a_name_tells_outcome_and_severity(name: str, outcome: str, severity: str):
    """The last part decides, the catalogue where it knows better; a failure is one step graver, at least notice."""
    meaning = meaning_of(name)
    assert (meaning.outcome, meaning.severity) == (outcome, severity)


def test_a_stated_outcome_wins():
    """What the event says of its outcome also decides its severity."""
    meaning = meaning_of("user.login.success", "failure")
    assert (meaning.outcome, meaning.severity) == ("failure", "notice")
