"""Documents give their entries back, and hold nothing the server would refuse."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.canonical import canonical, rfc3339
from otel_audit.entry import TRACE_FIELDS, Entry
from receiver.index.cleaning import CUT, DEPTH_MAX, KEY_MAX, clean_state, is_address
from receiver.index.document import PLAIN, STATES, document_of, entry_from, is_minimal, minimal_document_of
from tests.contracts.entries import NOON_NS, ODD, entry

MAKERS = pytest.mark.parametrize("make", [document_of, minimal_document_of], ids=["full", "minimal"])


def over_the_wire(document: dict[str, Any]) -> dict[str, Any]:
    sent: dict[str, Any] = orjson.loads(orjson.dumps(document))
    return sent


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
_text = st.none() | st.text(max_size=12)
_OTHER = {
    "event_id",
    "action",
    "outcome",
    "severity",
    "tenant",
    "actor_type",
    "user_roles",
    "related",
    "anomalies",
    "seen",
}
_FREE_TEXTS = sorted(PLAIN.keys() - _OTHER)
_times = st.integers(0, 2**64 - 1).map(rfc3339)
_entries = st.builds(
    entry,
    timestamp=_times,
    received_at=st.none() | _times,
    action=st.text(min_size=1, max_size=20) | st.just("inventory.update.success"),
    severity=st.sampled_from(["info", "notice", "warning", "critical"]),
    outcome=st.sampled_from(["success", "failure", "unknown"]),
    **dict.fromkeys(_FREE_TEXTS, _text),
    **dict.fromkeys(("user_roles", "related", "anomalies"), st.lists(st.text(max_size=5), max_size=3).map(tuple)),
    **dict.fromkeys(sorted(STATES.keys() - {"metadata"}), _json),
    metadata=st.dictionaries(st.text(max_size=6), _json, max_size=4),
    status_code=st.none() | st.integers(-(2**63), 2**63),
    duration_ms=st.none() | st.floats(min_value=0, allow_infinity=False),
    source=st.none() | st.fixed_dictionaries({"id": st.text(), "sequence": st.none() | st.integers(0, 2**64 - 1)}),
    sender=st.none() | st.fixed_dictionaries({"id": _text, "peer": _text}),
    seen=st.lists(st.sampled_from(TRACE_FIELDS), unique=True).map(tuple),
)  # fmt: skip


@MAKERS
@given(put=_entries)
def test_any_entry_comes_back(make: Any, put: Entry) -> None:
    """Over JSON and back, an entry is equal to what it was, to the last bit."""
    back = entry_from(over_the_wire(make(put)))
    assert back == put
    assert canonical(back.model_dump()) == canonical(put.model_dump())


@MAKERS
@pytest.mark.parametrize("name", ODD)
def test_an_odd_entry_comes_back(make: Any, name: str) -> None:
    """What an index must never change, a document does not change."""
    put = entry(**ODD[name])
    assert canonical(entry_from(over_the_wire(make(put))).model_dump()) == canonical(put.model_dump())


def test_every_field_of_the_entry_has_its_place() -> None:
    """A field that is added to the entry is kept by the document."""
    everything = entry(**ODD["everything"])
    missing = [field for field in Entry.model_fields if getattr(everything, field) in (None, (), {})]
    assert missing == [], "the entry with everything lacks these"
    assert entry_from(over_the_wire(document_of(everything))) == everything


def test_a_plain_entry_needs_no_exact_copy() -> None:
    """What the server takes as it is stands in the document once."""
    put = entry(**ODD["everything"] | {"response_body": {"status": "ok"}})
    assert "exact" not in document_of(put)["audit"]


def test_only_what_was_altered_is_kept_exactly() -> None:
    """A state that had to be wrapped stands beside its searchable form, and nothing else does."""
    audit = document_of(entry(previous_state=50, new_state={"stock": 35}))["audit"]
    assert audit["previous_state"] == {"value": 50}
    assert audit["exact"] == {"previous_state": "50"}


def test_what_is_no_address_stays_out_of_the_ip_fields() -> None:
    """The text itself is kept where any text may stand."""
    document = document_of(entry(ip_address="unknown"))
    assert document["client"] == {"address": "unknown"}
    assert "source" not in document


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("10.0.0.1", True), ("2001:db8::1", True), ("::ffff:10.0.0.1", True), ("fe80::1%eth0", False),
     ("10.0.0.01", False), ("10.0.0.0/8", False), ("", False), (None, False), ("localhost", False)],
)  # fmt: skip
def test_addresses_are_told_from_text(text: str | None, is_one: bool) -> None:
    """Only what an ip field takes counts as an address."""
    assert is_address(text) is is_one


def deepest(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(deepest, inner), default=0)


def keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in keys(inner))]
    return [key for inner in value for key in keys(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("depth", [1, DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1, 100])
@pytest.mark.parametrize("wrap", [lambda inner: {"k": inner}, lambda inner: [inner]], ids=["objects", "lists"])
def test_what_is_too_deep_is_cut_and_marked(wrap: Any, depth: int) -> None:
    """A state keeps what the server can index of it; the mark stands where the rest was."""
    state: Any = "bottom"
    for _ in range(depth):
        state = wrap(state)
    cleaned = clean_state(state)
    text = orjson.dumps(cleaned).decode()
    assert deepest(cleaned) <= DEPTH_MAX
    assert (CUT in text) is ("bottom" not in text)


@given(state=_json)
def test_cleaned_states_can_be_indexed(state: Any) -> None:
    """Whatever is said as a state, what is indexed is an object with keys that can be terms; an object stays itself."""
    cleaned = clean_state(state)
    assert isinstance(cleaned, dict)
    assert [key for key in keys(cleaned) if "\0" in key or len(key) > KEY_MAX] == []
    if isinstance(state, dict) and not any("\0" in key for key in keys(state)):
        assert cleaned == state


def test_the_minimal_document_can_still_be_found() -> None:
    """Time, id, action, tenant and trace are searchable in it; the rest is out of the server's reach."""
    document = minimal_document_of(entry(1, trace_id="a" * 32, reason="r", new_state={"a": 1}))
    assert is_minimal(document)
    assert not is_minimal(document_of(entry(1, previous_state=50)))
    assert document["trace"] == {"id": "a" * 32}
    assert document["@timestamp"] == rfc3339(NOON_NS + 1_000_000_000)
    assert set(document["audit"]) == {"tenant", "exact"}


@pytest.mark.parametrize(
    ("fields", "amount", "currency"),
    [
        ({"metadata": {"amount": 12.5, "currency": "EUR"}, "new_state": {"total": 3}}, 12.5, "EUR"),
        ({"new_state": {"total": 3, "total_amount": 4, "currency": "USD"}}, 4.0, "USD"),
        ({"new_state": {"refund_amount": "19.90"}}, 19.9, None),
        ({"metadata": {"amount": "many"}, "new_state": {"amount": 7}}, 7.0, None),
        ({"metadata": {"amount": True}}, None, None),
        ({"metadata": {"amount": "inf"}, "new_state": 5}, None, None),
        ({}, None, None),
    ],
)
def test_amounts_are_numbers(fields: dict[str, Any], amount: float | None, currency: str | None) -> None:
    """The amount is the first number where one is looked for, so that ranges over it work."""
    audit = document_of(entry(**fields))["audit"]
    assert (audit.get("amount"), audit.get("currency")) == (amount, currency)
