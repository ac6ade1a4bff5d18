"""Names with their values in running text: ``name=value``, ``name: value``, JSON that was cut off, ``Bearer value``."""

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

from otel_audit.redact import names
from otel_audit.redact.decision import Decision, Names
from otel_audit.redact.marks import is_mark, mark_at

#: What stands for a value by a decision.
Mark = Callable[[Decision, str], str]

#: A name and what stands before its value. Spaces only: other white space may be escaped in the encoded event.
_NAMED = re.compile(r"(?<![\w.\-\[\]%])([\w.\-\[\]%]++)(\\*[\"'])? *(?:=>|[:=])\s*+", re.ASCII)
_QUOTED = re.compile(r"""(")((?:[^"\\]|\\.)*+)|(')((?:[^'\\]|\\.)*+)""", re.DOTALL)
#: Quotes in JSON text in text; what is within has more backslashes before its own.
_ESCAPED_QUOTE = re.compile(r"""\\++["']""")
_SCHEME = r"(?:(?i:bearer|basic|digest|token|negotiate)[ ]++)?"
_BARE = re.compile(rf"""({_SCHEME}(?:[^\s&;,"'<>\\]|\\++(?!["'nrt])|,(?!\s|[\w.\-]++\\*["']?[=:]))++)""", re.ASCII)
#: After a quoted name, as in JSON that was cut off.
_BARE_JSON = re.compile(r"""([^\s&;,"'<>\\{}\[\]]++)""", re.ASCII)
_COOKIES = re.compile(r"""([^\s;"'<>\\]++(?:; *[^\s;="'<>\\]++(?:=[^\s;"'<>\\]*+)?)*+)""", re.ASCII)
_BEARER = re.compile(r"(?<![0-9A-Za-z])((?i:bearer)\s++)([0-9A-Za-z._~+/\-]++=*+)", re.ASCII)
_BEARER_MIN = 8
_NOTHING = frozenset({"true", "false", "null", "none", "nil", "undefined"})
_COUNT_MAX = 13


def redact_pairs(text: str, known: Names, mark: Mark) -> tuple[str, int]:
    """*text* with marks for values whose name decides so, and how many there were. Takes time as the text's length."""
    parts, done = [], 0
    for named in _NAMED.finditer(text):
        decision = known[named[1][-names.NAME_MAX :]]
        if named.start() < done or decision is None or decision.mode is None or not _is_value(decision, named):
            continue
        value = _value_at(text, named, decision, mark)
        if value is None:
            continue
        start, end, replacement = value
        parts += [text[done:start], replacement]
        done = end
    return "".join((*parts, text[done:])), len(parts) // 2


def redact_bearers(text: str, mark: Callable[[str], str]) -> tuple[str, int]:
    """*text* with a *mark* for what stands after ``Bearer`` and has a digit, and how many there were."""
    count = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal count
        token = found[2]
        if len(token) < _BEARER_MIN or token.isalpha() or mark_at(text, found.start(2)) or not _has_digit(token):
            return found[0]
        count += 1
        return found[1] + mark(token)

    return _BEARER.sub(replaced, text), count


def _has_digit(token: str) -> bool:
    return any(map(str.isdigit, token))


def _is_value(decision: Decision, named: re.Match[str]) -> bool:
    """In prose a colon after a personal name is only a colon: what is meant is a form, or a map."""
    return decision.secret or named[2] is not None or ":" not in named[0][len(named[1]) :]


def _value_at(text: str, named: re.Match[str], decision: Decision, mark: Mark) -> tuple[int, int, str] | None:
    """Where the value after *named* begins and ends, and what shall stand there."""
    quoted = _quoted_at(text, named.end())
    if quoted is not None:
        start, end = quoted
        value = text[start:end]
        return None if not value or is_mark(value) else (start, end, mark(decision, value))
    name, quote = named[1], named[2]
    header = "=" not in named[0] and name.lower().endswith("cookie")
    bare = (_BARE_JSON if quote else _COOKIES if header else _BARE).match(text, named.end())
    if bare is None or mark_at(text, bare.start()) or bare[1].lower() in _NOTHING or _counts(name, bare[1]):
        return None
    said = mark(decision, bare[1] if decision.secret else unquote_plus(bare[1]))
    return (*bare.span(1), f"{quote}{said}{quote}" if quote else said)


def _quoted_at(text: str, start: int) -> tuple[int, int] | None:
    """The place of what stands in quotes from *start* on; without a closing one, to the end."""
    plain = _QUOTED.match(text, start)
    if plain is not None:
        return plain.span(plain.lastindex or 0)
    opening = _ESCAPED_QUOTE.match(text, start)
    if opening is None:
        return None
    for quote in _ESCAPED_QUOTE.finditer(text, opening.end()):
        if len(quote[0]) <= len(opening[0]):
            return opening.end(), quote.start()
    return opening.end(), len(text)


def _counts(name: str, value: str) -> bool:
    return len(value) < _COUNT_MAX and names.is_plural(name) and value.strip(".)").isdecimal()
