"""Redaction takes time as the text's length, whatever the text: four times the text costs about four times as much."""

from collections.abc import Callable
from time import thread_time

import pytest

from otel_audit.redact import Redactor, Rules

#: Linear is four; quadratic would be sixteen.
RATIO_MAX = 9
SIZE = 4_000

HOSTILE: dict[str, str] = {
    "digit groups": "4111 1111 1111 1112 ",
    "single digits": "4 ",
    "digits": "4",
    "dashes": "4-",
    "an endless phone": "+4 9 ",
    "accounts": "DE89 3704 0044 0532 0130 01 ",
    "beginnings of accounts": "DE89",
    "separators": "DE8   9 ",
    "names": "password",
    "names with values": "password=x ",
    "names without": "password: ",
    "open quotes": "password='",
    "open double quotes": 'password="',
    "escaped quotes": 'password=\\"',
    "backslashes": "password=\\\\",
    "backslashes and quotes": '\\\\"',
    "commas": "token=a,",
    "cookies": "cookie: a; ",
    "dotted names": "a.",
    "brackets": "user[",
    "percents": "%5D",
    "equals": "email=",
    "bearers": "Bearer ",
    "tokens": "eyJ-eyJ.",
    "jwt": "eyJ",
    "hashes": "$2b$",
    "argon": "argon2$",
    "keys": "-----BEGIN PRIVATE KEY-----",
    "github": "ghp_",
    "json": '{"a":',
    "lists": "[",
    "white space": "a   ",
    "other digits": "４１ ",
    "uuid": "550e8400-",
}


def cost(work: Callable[[], object]) -> float:
    """The least of three, in CPU seconds of this thread."""
    times = []
    for _ in range(3):
        begun = thread_time()
        work()
        times.append(thread_time() - begun)
    return min(times)


@pytest.mark.parametrize("name", HOSTILE)
def test_four_times_the_text_costs_about_four_times_as_much(name: str):
    """As text, after a name, and under keys of one's own."""
    redactor = Redactor(Rules(fields={"*loyal*": "mask"}))
    small, large = (
        {"a": text, "b": f"4111 {text}", "c": f"Bearer {text}", "d": f'password="{text}'}
        for text in ((HOSTILE[name] * size)[:size] for size in (SIZE, 4 * SIZE))
    )
    redactor.redact(small)
    ratio = cost(lambda: redactor.redact(large)) / max(cost(lambda: redactor.redact(small)), 0.0005)
    assert ratio < RATIO_MAX
