"""What the caller says is what the receiver reads: held at the call, and kept as it was then."""

import contextvars
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

import otel_audit
from otel_audit import _said, wire
from otel_audit._event import Event
from otel_audit._recorder import Recorder
from otel_audit.redact import Rules
from otel_audit.redact.marks import pseudonym
from otel_audit.testing import capture


class Role(Enum):
    ADMIN = "admin"


class Item(BaseModel):
    stock: int


class _Kept:
    """An outlet that keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def put(self, event: Event, *_: Any) -> None:
        self.events.append(event)

    def noted(self) -> None:
        """Nothing to count."""


def _record(kept: _Kept, strict: bool = False, **said: Any) -> None:
    with otel_audit.recording_with(Recorder(kept, strict=strict)):  # type: ignore[arg-type]
        otel_audit.record(**{"action": "inventory.update.success", **said})


def _event(strict: bool = True, **said: Any) -> tuple[str, dict[str, Any]]:
    """Name and attributes of the event a call of ``record`` makes."""
    kept = _Kept()
    _record(kept, strict, **said)
    return kept.events[0].read()


def _read(**said: Any) -> dict[str, Any]:
    return wire.read_event(*_event(**said))


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
        with (
            capture(),
            pytest.raises(otel_audit.InvalidEvent, match=r"\w must be"),
            otel_audit.bind(**wrong),
        ):
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
    kept = _Kept()
    _record(kept, metadata={"lines": lines, "by": {"line": lines}})
    lines.append("b")
    _, said = kept.events[0].read()
    assert said["audit.metadata.lines"] == ["a"]
    assert said["audit.metadata.by"] == {"line": ["a"]}


def test_models_and_sets_are_states():
    """A pydantic model is told by its fields, a set as a list."""
    said = _read(before=Item(stock=50), after={"item": Item(stock=35), "tags": {"recount"}})
    assert said["previous_state"] == {"stock": 50}
    assert said["new_state"] == {"item": {"stock": 35}, "tags": ["recount"]}


def test_a_wrong_call_of_change_never_hides_an_error_of_the_body():
    """It is refused before the body runs, so nothing can be half done."""
    ran = False
    with capture(), pytest.raises(otel_audit.InvalidEvent), otel_audit.change("inventory.update", severity="high"):
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
    with pytest.raises(otel_audit.InvalidEvent, match=r"audit\.reason"):
        _event(reason="bad \ud800")
    _, said = _event(strict=False, reason="bad \ud800", metadata={"note": "\udfff"})
    assert said[wire.REASON] == "bad ?"
    assert said["audit.metadata.note"] == "?"


def _circular() -> dict[str, Any]:
    circle: dict[str, Any] = {"n": 1}
    circle["self"] = circle
    return circle


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


WRONG: dict[str, dict[str, Any]] = {
    "no name": {"action": " "},
    "no field": {"user_name": "x"},
    "outside the list": {"severity": "high"},
    "half a resource": {"resource": "order"},
    "circular state": {"after": _circular()},
    "deep state": {"before": _deep()},
    "no text of its own": {"metadata": {"x": object()}},
    "no mapping": {"metadata": 7},
    "an integer too large": {"metadata": {"n": 2**70}},
    "no guarantee": {"guarantee": "maybe"},
}


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case)
def test_a_wrong_call_raises_in_development_and_is_noted_in_production(case: str):
    """Production records what can be recorded, says what was wrong, and never breaks the caller."""
    said = {"action": "inventory.update.success", **WRONG[case]}
    kept = _Kept()
    with pytest.raises(otel_audit.InvalidEvent):
        _record(kept, strict=True, **said)
    assert kept.events == []
    _record(kept, strict=False, **said)
    name, attributes = kept.events[0].read()
    assert wire.read_event(name, attributes)["metadata"]["otel_audit.notes"]
    assert name == ("unnamed.event.unknown" if case == "no name" else "inventory.update.success")


def test_enforced_raises_whatever_the_mode():
    """Who asked to fail closed is told of a wrong call, too."""
    with pytest.raises(otel_audit.InvalidEvent):
        _event(strict=False, guarantee="enforced", severity="high")


def test_a_wrong_bind_is_noted_on_what_follows():
    """In production the fact is told in the metadata, and the block runs."""
    kept = _Kept()
    with otel_audit.bind(actor_type="robot", user_name="x", user_id="u-1"):  # type: ignore[arg-type,call-arg]
        _record(kept, severity="high")
    said = wire.read_event(*kept.events[0].read())
    assert said["user_id"] == "u-1"
    assert said["metadata"]["actor_type"] == "robot"
    assert said["metadata"]["user_name"] == "x"
    assert len(said["metadata"]["otel_audit.notes"]) == 3


KEY = "one key for SDK and receiver"
MIA = "mia@example.com"


@pytest.fixture
def keyed() -> Iterator[None]:
    """The process redacts with a key, and a bound of 4 KiB a field."""
    _said.use(Rules(pseudonym_key=KEY.encode(), field_max_bytes=4096))
    yield
    _said.use(Rules())


def _email(kept: _Kept, **said: Any) -> Any:
    _record(kept, **said)
    return kept.events[-1].read()[1]["user.email"]


@pytest.mark.usefixtures("keyed")
def test_whose_address_it_is_decides_wherever_it_is_said():
    """Bound or said with the event, before or after the actor: a customer's is never told, a member of staff's is."""
    kept = _Kept()
    hidden = pseudonym(KEY.encode(), MIA)
    assert _email(kept, user_email=MIA) == hidden
    assert _email(kept, user_email=MIA, actor_type="staff") == MIA
    with otel_audit.bind(actor_type="staff"):
        assert _email(kept, user_email=MIA) == MIA
        with otel_audit.bind(user_email=MIA):
            assert _email(kept) == MIA
            assert _email(kept, actor_type="user") == hidden
            with otel_audit.bind(actor_type="user"):
                assert _email(kept) == hidden


@pytest.mark.usefixtures("keyed")
@pytest.mark.parametrize(
    "state",
    [
        {"status": "paid", "blob": "x" * 1_000_000},
        {"status": "paid", "items": [{"sku": str(number)} for number in range(50_000)]},
        {"status": "paid", "deep": _deep()},
        {"status": "paid", "circle": _circular()},
        {"status": "paid", "odd": {object, 2**70}},
    ],
    ids=["huge", "long", "deep", "circular", "no JSON"],
)
def test_a_state_that_cannot_be_told_whole_is_told_in_part(state: dict[str, Any]):
    """Cut, marked and recorded; what fits is there, and redacted all the same."""
    kept = _Kept()
    _record(kept, after={**state, "password": "hunter2"}, metadata={"whole": "yes"})
    name, attributes = kept.events[0].read()
    told = wire.read_event(name, attributes)
    assert (told["metadata"]["whole"], told["new_state"]["status"]) == ("yes", "paid")
    assert len(attributes[wire.AFTER]) <= 4096
    assert "hunter2" not in attributes[wire.AFTER]
    assert "[c" in attributes[wire.AFTER] or "[too deep]" in attributes[wire.AFTER] or wire.NOTES in attributes
