"""What is too large is cut, marked, and can be told apart by its digest."""

import re
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.redact import cut

MAX = 2048
MARK = re.compile(r"\[cut (\d+) bytes, sha256 ([0-9a-f]{64})\]")


def one(value: Any, max_bytes: int = MAX) -> Any:
    return cut({"a": value}, max_bytes)["a"]


@pytest.mark.parametrize("value", ["x" * MAX, {"a": ["x" * 100]}, 7, None, b"x" * MAX, 1.5])
def test_what_fits_is_the_same_object(value: Any):
    """Nothing is copied, nothing written anew."""
    assert one(value) is value


@pytest.mark.parametrize("text", ["a" * 10_000, "é" * 10_000, "漢" * 10_000, "\0" * 10_000])
def test_a_text_keeps_its_beginning(text: str):
    """The mark says how many bytes are gone, and which."""
    short = one(text)
    mark = MARK.search(short)
    assert mark is not None
    assert short.endswith(mark[0])
    head = short.removesuffix(mark[0])
    gone = text.removeprefix(head).encode()
    assert text.startswith(head)
    assert len(short.encode()) <= MAX
    assert (int(mark[1]), mark[2]) == (len(gone), sha256(gone).hexdigest())


def test_a_state_stays_json_and_keeps_what_fits():
    """One long text does not cost the fields beside it."""
    state = {
        "status": "paid",
        "blob": "x" * 50_000,
        "total": 12.5,
        "items": [{"sku": f"s-{n}"} for n in range(500)],
        "end": 1,
    }
    short = one(orjson.dumps(state).decode())
    assert len(short.encode()) <= MAX
    told = orjson.loads(short)
    assert (told["status"], told["total"], told["end"]) == ("paid", 12.5, 1)
    assert MARK.search(told["blob"])
    assert told["items"][0] == {"sku": "s-0"}
    assert MARK.fullmatch(told["items"][-1])


def test_what_is_gone_from_a_map_is_told_in_it():
    """Under a key of its own, with the digest of the entries that are gone."""
    state = {f"key{number}": number for number in range(1000)}
    told = one(state)
    mark = MARK.fullmatch(told.pop("[cut]"))
    gone = orjson.dumps({key: value for key, value in state.items() if key not in told}, option=orjson.OPT_SORT_KEYS)
    assert told.items() <= state.items()
    assert mark is not None
    assert (int(mark[1]), mark[2]) == (len(gone), sha256(gone).hexdigest())


@pytest.mark.parametrize("depth", [40, 90, 300, 1500])
def test_a_deep_state_is_cut(depth: int):
    """Deeper than can be written as JSON, too."""
    text = '{"a":' * depth + '"' + "x" * 5000 + '"' + "}" * depth
    short = one(text)
    assert len(short.encode()) <= MAX
    assert MARK.search(short)
    assert one(short) == short


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=3000)),
    lambda inner: st.one_of(st.lists(inner, max_size=30), st.dictionaries(st.text(max_size=40), inner, max_size=30)),
    max_leaves=60,
)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.booleans())
def test_it_always_fits_and_again_changes_nothing(value: Any, packed: bool):
    """Whatever it was; the receiver, with the same bound, leaves it as the SDK cut it."""
    said = orjson.dumps(value).decode() if packed else value
    short = one(said, 1024)
    assert len(short.encode() if isinstance(short, str) else orjson.dumps(short)) <= 1024
    assert one(short, 1024) == short
