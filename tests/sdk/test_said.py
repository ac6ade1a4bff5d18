"""What the caller says is what the receiver reads: held at the call, and kept as it was then."""

import contextvars
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

import otel_audit
from otel_audit import wire
from otel_audit._carrier import Event
from otel_audit._recorder import Recorder
from otel_audit.testing import capture


class Role(Enum):
    ADMIN = "admin"


class Item(BaseModel):
    stock: int


def _event(**said: Any) -> Event:
    """The event a call of ``record`` makes."""
    events: list[Event] = []

    def keep(event: Event) -> bool:
        events.append(event)
        return True

    Recorder(keep).record("inventory.update.success", **said)
    return events[0]


def _read(**said: Any) -> dict[str, Any]:
    event = _event(**said)
    return wire.read_event(event.name, event.attributes)


def test_ids_may_be_numbers_and_enumerations():
    """What is meant as text is sent as text: the receiver would quarantine anything else."""
    said = _read(user_id=17, session_id=4, user_roles=[Role.ADMIN, "staff"], status_code=201)
    assert (said["user_id"], said["session_id"], said["user_roles"]) == ("17", "4", ("admin", "staff"))
    assert said["status_code"] == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "ok"},
        {"severity": "high"},
        {"actor_type": "robot"},
        {"parent_event_id": "no-uuid"},
        {"status_code": "200"},
        {"status_code": True},
        {"user_roles": 3},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_the_receiver_would_quarantine_is_refused_at_the_call(wrong: dict[str, Any]):
    """The mistake is told where it is made, with the field's name or its attribute's."""
    with pytest.raises(otel_audit.InvalidEvent, match=r"\w must be"):
        _event(**wrong)
    if wrong.keys() <= {"actor_type", "status_code", "user_roles"}:
        with pytest.raises(otel_audit.InvalidEvent, match=r"\w must be"), otel_audit.bind(**wrong):
            pass


def test_a_previous_state_changed_in_place_is_still_the_previous():
    """Working on the very object that was given as the previous state does not rewrite history."""
    item = {"stock": 50}
    with capture() as entries, otel_audit.change("inventory.update", before=item) as change:
        item["stock"] = 35
        change.after = item
    assert (entries[0].previous_state, entries[0].new_state) == ({"stock": 50}, {"stock": 35})


def test_what_happens_to_metadata_afterwards_is_not_recorded():
    """Events leave later; what they say is from the moment of the call."""
    lines = ["a"]
    event = _event(metadata={"lines": lines, "by": {"line": lines}})
    lines.append("b")
    assert event.attributes["audit.metadata.lines"] == ["a"]
    assert event.attributes["audit.metadata.by"] == {"line": ["a"]}


def test_models_and_sets_are_states():
    """A pydantic model is told by its fields, a set as a list."""
    said = _read(before=Item(stock=50), after={"item": Item(stock=35), "tags": {"recount"}})
    assert said["previous_state"] == {"stock": 50}
    assert said["new_state"] == {"item": {"stock": 35}, "tags": ["recount"]}


def test_a_wrong_call_of_change_never_hides_an_error_of_the_body():
    """It is refused before the body runs, so nothing can be half done."""
    ran = False
    with pytest.raises(otel_audit.InvalidEvent), otel_audit.change("inventory.update", severity="high"):
        ran = True
    assert not ran


def test_a_block_may_be_left_in_another_context():
    """Frameworks enter and leave the block of a dependency in different contexts."""
    block = otel_audit.bind(user_id="u-1")
    contextvars.copy_context().run(block.__enter__)
    block.__exit__(None, None, None)
    with capture() as entries:
        otel_audit.record("user.login.success")
    assert entries[0].user_id is None


def test_text_that_is_no_unicode_does_not_reach_the_applications_exporter():
    """One lone surrogate in the visible copy would spoil the application's own export."""
    event = _event(reason="bad \ud800", metadata={"note": "\udfff"})
    assert event.attributes[wire.REASON] == "bad ?"
    assert event.attributes["audit.metadata.note"] == "?"
