"""The page about redaction names what is redacted by name."""

import re
from pathlib import Path

from otel_audit.redact.names import ABOUT, SECRET_WORDS, SECRETS, STILL_SECRET
from otel_audit.redact.personal import KEPT_INSIDE, OF_A_PERSON, PERSONAL, PERSONS

PAGE = (Path(__file__).parents[3] / "docs" / "redaction.md").read_text()


def listed(after: str, before: str) -> list[str]:
    """The words in code between two texts of the page."""
    return re.findall(r"`([^`]+)`", PAGE.split(after)[1].split(before)[0])


def test_every_name_of_a_secret_is_listed():
    """Neither more nor fewer."""
    assert listed("`user[apikey]`):", "`pin` and `csc` count") == [*SECRETS, *SECRET_WORDS]
    assert listed("What may follow:", "a number. Any other end") == list(STILL_SECRET)
    assert listed("what begins with", "True, false") == list(ABOUT)


def test_every_personal_name_is_listed():
    """By what it tells."""
    rows = re.findall(r"^\| ([a-z -]+) \| (`.+`) \|$", PAGE.split("`address_line_2`):")[1], re.MULTILINE)
    assert {kind: tuple(re.findall(r"`([^`]+)`", names)) for kind, names in rows} == PERSONAL
    assert listed("In a map of one of these names also", "are a person's:") == list(OF_A_PERSON)
    assert listed("are a person's:", "A map under a personal name") == list(PERSONS)
    assert listed("value by value, but for", "and ids.") == list(KEPT_INSIDE)
