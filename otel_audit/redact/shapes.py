"""Secrets that show by their shape, whatever stands before them: password hashes, tokens, private keys."""

import re
from collections.abc import Callable

#: The modular crypt format and what Django, Werkzeug and passlib make of it: bcrypt, argon2, scrypt, PBKDF2, crypt.
_HASH = (
    r"(?:\$(?:2[abxy]?|argon2(?:id|i|d)|scrypt|s0|s1|7|y|gy|1|5|6|apr1|pbkdf2(?:-sha\d{1,3})?)\$"
    r"|(?<![0-9A-Za-z])(?:pbkdf2_sha\d{1,3}|pbkdf2:sha\d{1,3}(?::\d{1,9})?|scrypt(?::\d{1,12}){0,3}|argon2"
    r"|bcrypt(?:_sha256)?)\$)[\w./+=,$:\-]{20,}+"
)
#: Of whoever gives them out: GitHub, GitLab, Stripe, AWS, Slack, Google, npm; each begins as nothing else does.
_GIVEN_OUT = (
    r"(?<![0-9A-Za-z])(?:gh[pousr]_[0-9A-Za-z]{20,}+|github_pat_\w{20,}+|glpat-[\w\-]{20,}+"
    r"|[sr]k_(?:live|test)_[0-9A-Za-z]{16,}+|whsec_[0-9A-Za-z+/=]{16,}+|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"
    r"|xox[abeoprs]-[0-9A-Za-z\-]{16,}+|AIza[\w\-]{35}|npm_[0-9A-Za-z]{30,}+)"
)
_PRIVATE_KEY = (
    r"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----"
    r"(?s:.*?)(?:-----END (?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
#: A run that begins as a JWT is consumed whether it is one, or each place in it would be a beginning.
_JWT = r"eyJ[\w\-]*+(?P<jwt>\.[\w\-]{4,}+(?:\.[\w\-]*+){0,3}+)?"
_SHAPES = re.compile(f"{_HASH}|{_GIVEN_OUT}|{_PRIVATE_KEY}|{_JWT}", re.ASCII)
#: How they begin, for a look at bytes that may be escaped.
_BEGINS = re.compile(
    rb"\$(?:2[abxy]?|argon2|scrypt|s[01]|7|g?y|[156]|apr1|pbkdf2)|(?:pbkdf2|scrypt|argon2|bcrypt)[\w:]{0,40}+\$"
    rb"|gh[pousr]_|github_pat_|glpat-|[sr]k_(?:live|test)_|whsec_|AKIA|ASIA|xox[abeoprs]-|AIza|npm_|eyJ|-----BEGIN "
)
#: All but the hashes, which have a $, have so many of these in a row.
LONG_RUN = b"a" * 20
_REST = re.compile(b"a*+")
RUNS = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz0123456789_-",
    b"a" * 63,
)


def remove_shapes(text: str, mark: Callable[[str], str]) -> tuple[str, int]:
    """*text* with a *mark* for each, and how many there were. Takes time as the text's length."""
    count = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal count
        if found[0].startswith("eyJ") and found["jwt"] is None:
            return found[0]
        count += 1
        return mark(found[0])

    return _SHAPES.sub(replaced, text), count


def may_have_shapes(data: bytes) -> bool:
    """Whether text in *data* may have one; True may be in vain. Without a $ or a LONG_RUN of RUNS there is none."""
    if data.find(b"$") >= 0:
        return _BEGINS.search(data) is not None
    runs = data.translate(RUNS)
    start = runs.find(LONG_RUN)
    if start >= 0 and data.find(b"-----BEGIN ") >= 0:
        return True
    while start >= 0:  # a pseudonym, an id
        end = _REST.match(runs, start).end()  # type: ignore[union-attr]
        if _BEGINS.search(data, start, end):
            return True
        start = runs.find(LONG_RUN, end)
    return False
