"""The wire convention: what each attribute means, what is broken, and that nothing is dropped."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit import wire

ID = "0190b0c4-1111-7abc-8def-000000000000"


def test_hardly_anything_is_enough():
    """One attribute makes an audit event; what is missing is derived or absent."""
    assert wire.read_event("inventory.update.success", {"audit.reason": "count"}) == {
        "action": "inventory.update.success",
        "reason": "count",
        "outcome": "success",
        "severity": "info",
        "resource_type": "inventory_item",
        "related": [],
        "metadata": {},
    }


def test_every_convention_attribute_fills_its_field():
    """Names, types and texts of states are read as the convention says."""
    said = wire.read_event(
        "payment.capture.success",
        {
            "audit.record.id": ID.upper(),
            "audit.schema.version": "1",
            "audit.actor.type": "staff",
            "user.id": "u-1",
            "user.email": "ann@example.org",
            "user.roles": ["support"],
            "session.id": "s-1",
            "audit.target.type": "payment",
            "audit.target.id": "p-1",
            "audit.target.before": '{"status": "authorized"}',
            "audit.target.after": {"status": "captured"},
            "audit.metadata.order_id": "o-1",
            "audit.source.id": "here",
            "audit.sequence.number": 7,
            "audit.integrity.value": "sig",
            "audit.integrity.key_id": "k",
            "http.request.method": "POST",
            "url.path": "/pay",
            "http.response.status_code": 201,
            "client.address": "203.0.113.7",
            "user_agent.original": "curl",
            "cart.size": 3,
        },
    )
    assert said == {
        "action": "payment.capture.success",
        "event_id": ID,
        "outcome": "success",
        "severity": "notice",
        "actor_type": "staff",
        "user_id": "u-1",
        "user_email": "ann@example.org",
        "user_roles": ("support",),
        "session_id": "s-1",
        "resource_type": "payment",
        "resource_id": "p-1",
        "previous_state": {"status": "authorized"},
        "new_state": {"status": "captured"},
        "related": ["payment:p-1", "order:o-1", "session:s-1"],
        "metadata": {"order_id": "o-1", "cart.size": 3},
        "source": {"id": "here", "sequence": 7},
        "integrity": {"signature": {"value": "sig", "key_id": "k"}},
        "http_method": "POST",
        "path": "/pay",
        "status_code": 201,
        "ip_address": "203.0.113.7",
        "user_agent": "curl",
    }


def test_older_names_are_read_and_newer_ones_win():
    """Stock instrumentation still sends the old names; what loses stays in the metadata."""
    said = wire.read_event(
        "a.b.success",
        {
            "audit.reason": "r",
            "http.method": "GET",
            "http.target": "/x?y=1",
            "http.status_code": 200,
            "net.peer.ip": "::1",
        },
    )
    assert (said["http_method"], said["path"], said["status_code"], said["ip_address"]) == ("GET", "/x", 200, "::1")
    said = wire.read_event("a.b.success", {"audit.reason": "r", "http.method": "GET", "http.request.method": "PUT"})
    assert said["http_method"] == "PUT"
    assert said["metadata"] == {"http.method": "GET"}


def test_metadata_fills_what_is_empty():
    """An address, agent or session named in the metadata fills its field, and never overrides it."""
    said = wire.read_event("a.b.success", {"audit.metadata.ip_address": "::1", "audit.metadata.session_id": "s"})
    assert (said["ip_address"], said["session_id"]) == ("::1", "s")
    said = wire.read_event("a.b.success", {"audit.metadata.ip_address": "::1", "client.address": "::2"})
    assert said["ip_address"] == "::2"


def test_related_names_everything_that_ties_entries_together():
    """The target, the parent, ids of the catalogue, every metadata key that ends in ``_id``, session and request."""
    said = wire.read_event(
        "thing.move.success",
        {
            "audit.target.type": "thing",
            "audit.target.id": "t-1",
            "audit.parent.record.id": ID,
            "audit.request.id": "r-1",
            "session.id": "s-1",
            "audit.metadata.warehouse_id": 7,
            "audit.metadata.session_id": "s-1",
            "shop.basket_id": "b-1",
            "audit.metadata.empty_id": "",
            "audit.metadata.flag_id": True,
            "audit.metadata.paid": "x",
        },
    )
    assert said["related"] == [
        *("thing:t-1", f"entry:{ID}", "session:s-1", "warehouse:7", "basket:b-1", "request:r-1"),
    ]


def test_a_state_that_is_not_json_stays_text():
    """A state is never a reason to refuse an event."""
    assert wire.read_event("a.b.success", {"audit.target.after": "{oops"})["new_state"] == "{oops"


@pytest.mark.parametrize(
    ("name", "attributes", "reason"),
    [
        ("", {"audit.reason": "r"}, "no name"),
        ("a.b", {"audit.record.id": "42"}, "audit.record.id must be a UUID"),
        ("a.b", {"audit.record.id": 42}, "audit.record.id must be a string"),
        ("a.b", {"audit.parent.record.id": "x"}, "audit.parent.record.id must be a UUID"),
        ("a.b", {"audit.outcome": "maybe"}, "audit.outcome must be one of success, failure, unknown"),
        ("a.b", {"audit.severity": "fatal"}, "audit.severity must be one of"),
        ("a.b", {"audit.actor.type": "robot"}, "audit.actor.type must be one of"),
        ("a.b", {"audit.reason": ["r"]}, "audit.reason must be a string, not list"),
        ("a.b", {"audit.sequence.number": "7"}, "audit.sequence.number must be an integer"),
        ("a.b", {"audit.reason": "r", "user.roles": [1]}, "user.roles must be a string"),
        ("a.b", {"audit.reason": "r", "http.response.status_code": True}, "status_code must be an integer"),
    ],
)
def test_a_broken_event_is_refused_with_its_reason(name: str, attributes: dict[str, Any], reason: str):
    """Nothing is guessed at: the reason names the attribute."""
    with pytest.raises(wire.BrokenEvent, match=reason):
        wire.read_event(name, attributes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.text().map("x.".__add__), JSON, max_size=8))
def test_nothing_is_dropped(attributes: dict[str, Any]):
    """An attribute the convention does not know is in the metadata under its full key."""
    said = wire.read_event("a.b.success", {"audit.reason": "r", **attributes})
    assert said["metadata"] == attributes
