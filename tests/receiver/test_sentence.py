"""An entry in one sentence."""

from typing import Any

import pytest

from receiver.sentence import sentence
from tests.contracts.entries import ODD, entry

SENTENCES = [
    (
        {
            "actor_type": "staff", "user_id": "admin-3", "resource_type": "product", "resource_id": "sku-7",
            "previous_state": {"stock": 50}, "new_state": {"stock": 35}, "reason": "counted by hand",
        },
        "staff admin-3 did inventory.update.success on product sku-7, stock from 50 to 35; it succeeded:"
        " counted by hand",
    ),
    (
        {
            "action": "order.label.print.failed", "outcome": "failure", "actor_type": "system",
            "service_name": "shipping", "resource_type": "order", "resource_id": "1001",
            "error_type": "printer_offline", "error_message": "no answer from the printer",
        },
        "system shipping did order.label.print.failed on order 1001; it failed:"
        " printer_offline, no answer from the printer",
    ),
    ({}, "someone did inventory.update.success; it succeeded"),
    ({"user_email": "ann@example.com", "outcome": "unknown"},
     "user ann@example.com did inventory.update.success; it ended unknown"),
    ({"new_state": {"price": 9.5, "name": "Mug"}},
     "someone did inventory.update.success, price to 9.5, name to Mug; it succeeded"),
    ({"previous_state": "open", "new_state": "shut"},
     "someone did inventory.update.success, from open to shut; it succeeded"),
    ({"new_state": dict.fromkeys("abcdef", 1)},
     "someone did inventory.update.success, a to 1, b to 1, c to 1, d to 1 and 2 more; it succeeded"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), SENTENCES)
def test_it_says_who_did_what_to_what(fields: dict[str, Any], expected: str) -> None:
    """Who, what, on what, from, to, with which result and why, as far as the entry says it."""
    assert sentence(entry(**fields)) == expected


@pytest.mark.parametrize("name", ODD)
def test_it_is_one_line_of_bounded_values(name: str) -> None:
    """However odd the entry, there is a sentence, in one line."""
    told = sentence(entry(**ODD[name]))
    assert told == " ".join(told.split())
    assert told


def test_a_large_value_is_cut() -> None:
    """A value nobody would read to its end does not fill the line."""
    told = sentence(entry(new_state={"text": "x" * 10_000}))
    assert len(told) < 200
    assert "…" in told


def test_what_the_trace_shows_does_not_change_it() -> None:
    """A sentence that was indexed stays the entry's own after an amendment."""
    shown = {"status_code": 500, "path": "/x", "ip_address": "10.0.0.1", "span_name": "GET", "seen": ("status_code",)}
    assert sentence(entry(1, **shown)) == sentence(entry(1))
