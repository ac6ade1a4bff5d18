"""The catalogue says what the binding list says, and reads a name accordingly."""

import asyncio
from pathlib import Path

import pytest
import yaml

import otel_audit
from otel_audit import catalog
from otel_audit._near_miss import nearest_to
from otel_audit.catalog import ACTIONS, GROUPS, Action, meaning_of, write
from otel_audit.testing import capture

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


ROOT = Path(__file__).parents[2]
EVERY = [
    (group, action, result) for group, actions in GROUPS.items() for action in actions for result in action.results
]
NAMES = [f"{action.key}.{result}" for _, action, result in EVERY]


@pytest.mark.parametrize("group", GROUPS)
def test_the_constructors_are_those_of_the_actions(group: str):
    """Who changes an action writes them anew."""
    assert (ROOT / "otel_audit" / "catalog" / f"{group}.py").read_text() == write.constructors(group)


def test_the_page_is_that_of_the_actions():
    """With each event, its severity and category, what is told of it, and an example."""
    assert (ROOT / write.PAGE).read_text() == write.page()


@pytest.mark.parametrize(("group", "action", "result"), EVERY, ids=NAMES)
def test_every_event_has_a_constructor(group: str, action: Action, result: str):
    """Its example, as a user writes it, is recorded: action, outcome, resource, related keys and metadata are there."""
    with capture() as entries:
        otel_audit.record(eval(write.example(group, action, result), {"catalog": catalog}))
    [entry] = entries
    assert (entry.action, entry.outcome) == (f"{action.key}.{result}", action.outcome_of(result))
    assert (entry.resource_type, entry.resource_id) == (action.resource_type, write.sample(action.target_id))
    for name in action.names:
        if name.endswith("_id"):
            assert f"{name.removesuffix('_id')}:{write.sample(name)}" in entry.related
    assert {**entry.metadata, "session_id": None} == {**{n: write.sample(n) for n in action.names}, "session_id": None}


def test_what_nobody_said_is_not_told():
    """A field left out, or None, is in no metadata; without its id the resource's type alone is told."""
    with capture() as entries:
        otel_audit.record(catalog.payment.capture_success(order_id="1001", amount=12.5))
    [entry] = entries
    assert entry.metadata == {"order_id": "1001", "amount": 12.5}
    assert (entry.resource_type, entry.resource_id, entry.related) == ("payment", None, ("order:1001",))


def test_record_adds_to_an_event_and_wins():
    """States, reason and further fields may stand in either."""
    event = catalog.order.refund_failed(
        "1001", amount=5, reason="first", before={"status": "paid"}, error_type="Declined"
    )
    with capture() as entries:
        otel_audit.record(event, reason="second", metadata={"ticket": "t-1"}, user_id="ann", after={"status": "paid"})
    [entry] = entries
    assert (entry.reason, entry.error_type, entry.user_id) == ("second", "Declined", "ann")
    assert (entry.previous_state, entry.new_state) == ({"status": "paid"}, {"status": "paid"})
    assert entry.metadata == {"amount": 5, "ticket": "t-1"}


def test_an_event_is_recorded_without_holding_up_the_loop():
    """As ``arecord`` does with a name."""
    with capture() as entries:
        asyncio.run(otel_audit.arecord(catalog.user.login_success("u-1")))
    assert entries[0].action == "user.login.success"


def test_what_is_required_cannot_be_left_out():
    """Python says so where the event is made."""
    with pytest.raises(TypeError, match="order_id"):
        catalog.payment.capture_success("p-9", amount=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("user.login.sucess", "user.login.success"),
        ("User.Login.Success", "user.login.success"),
        ("payments.capture.success", "payment.capture.success"),
        ("order.refund.process", "order.refund.processed"),
        ("user.login.success", None),
        ("warehouse.robot.move.begun", None),
        ("x" * 100_000, None),
    ],
)
def test_a_near_miss_is_known(name: str, nearest: str | None):
    """One that is listed, or like none, is none."""
    assert nearest_to(name) == nearest


def test_a_near_miss_is_warned_about_once_in_development(caplog: pytest.LogCaptureFixture):
    """It is recorded all the same."""
    with capture() as entries:
        for _ in range(3):
            otel_audit.record("order.create.succes")
    assert len(entries) == 3
    [warning] = [each for each in caplog.records if "nearly one" in each.message]
    assert (warning.action, warning.nearest) == ("order.create.succes", "order.create.success")  # type: ignore[attr-defined]


def test_a_change_may_be_one_of_the_catalogue():
    """With the result that came of it."""

    def pay(declined: bool) -> None:
        with otel_audit.change(catalog.payment.capture_success("p-1", order_id="order-1", amount=5)) as made:
            made.after = {"status": "captured"}
            if declined:
                raise ValueError("declined")

    with capture() as entries:
        pay(declined=False)
        with pytest.raises(ValueError, match="declined"):
            pay(declined=True)
    assert [each.action for each in entries] == ["payment.capture.success", "payment.capture.failed"]
    assert entries[0].new_state == {"status": "captured"}
    assert entries[0].metadata == {"order_id": "order-1", "amount": 5}
