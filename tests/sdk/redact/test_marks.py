"""What stands in the place of what was redacted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.redact import Redactor, Rules, is_pseudonym
from otel_audit.redact.marks import MODES, Marks, Mode, is_mark, pseudonym

KEY = b"one key for SDK and receiver"
REDACTORS = {key: Redactor(Rules(pseudonym_key=key)) for key in (KEY, None)}


def test_a_pseudonym_is_the_same_for_ever():
    """It is stored for years: neither form nor value may change with a version."""
    assert pseudonym(KEY, "mia@example.com") == "pseudonym-de95579317c0a796b7773215a112267e"


def test_case_and_white_space_around_do_not_count():
    """What people type differently is found as one; what differs otherwise, or has another key, is not."""
    same = {pseudonym(KEY, text) for text in ("José@example.com", " JOSÉ@EXAMPLE.COM ", "Jose\u0301@example.com")}
    assert len(same) == 1
    others = {pseudonym(KEY, "jose@example.com"), pseudonym(b"another key for them", "José@example.com")}
    assert len(same | others) == 3


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("123456789", "[masked …6789]"),
        ("12345678", "[masked]"),
        ("", "[masked]"),
        ("he said 'x'", "[masked …**x*]"),
    ],
)
def test_a_mask_shows_the_last_four_of_nine_or_more(text: str, mark: str):
    """And nothing that could end the text it stands in."""
    assert Marks(None).put("mask", text) == mark


def test_without_a_key_a_pseudonym_is_a_mask():
    """Never the value itself, and never a pseudonym that anyone could compute."""
    assert Marks(None).put("pseudonym", "mia@example.com") == "[masked ….com]"
    assert Marks(KEY).put("pseudonym", "mia@example.com") == pseudonym(KEY, "mia@example.com")


@given(st.text(), st.sampled_from(MODES), st.sampled_from(["masked", "card", "iban"]), st.sampled_from([KEY, None]))
def test_every_mark_is_known_again(text: str, mode: Mode, noun: str, key: bytes | None):
    """What is no mark would be redacted a second time."""
    mark = Marks(key).put(mode, text, noun)
    assert is_mark(mark)
    assert is_pseudonym(mark) == (mode == "pseudonym" and key is not None)
    assert REDACTORS[key].redact({"phone": mark, "password": mark, "a": mark})[1] == 0
