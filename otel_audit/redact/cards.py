"""Payment card numbers: known by issuer, length and check digit (ISO/IEC 7812), whatever separates their digits."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

#: How many digits the cards have whose numbers begin so. 13 are an old Visa or a Maestro; the other Maestro ranges
#: are left alone, too much else looks like them.
_ISSUERS: tuple[tuple[str, int, int, tuple[int, ...]], ...] = (
    ("Visa", 4000, 4999, (19, 16, 13)),
    ("Mastercard", 5100, 5599, (16,)),
    ("Mastercard", 2221, 2720, (16,)),
    *(("American Express", first, first + 99, (15,)) for first in (3400, 3700)),
    ("Discover", 6011, 6011, (19, 18, 17, 16)),
    ("Discover", 6440, 6599, (19, 18, 17, 16)),
    *(("Diners Club", first, first + 99, (19, 18, 17, 16, 15, 14)) for first in (3600, 3800, 3900)),
    ("Diners Club", 3000, 3059, (19, 18, 17, 16, 15, 14)),
    ("JCB", 3528, 3589, (19, 18, 17, 16)),
    ("UnionPay", 6200, 6299, (19, 18, 17, 16)),
    *(
        ("Maestro", first, first, (19, 18, 17, 16, 15, 14, 13))
        for first in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763)
    ),
)
#: Between digits: spaces and dashes of any width, dots, and what a form makes of them.
BETWEEN = (
    "(?:[ .+\\-\u00a0\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff"
    "\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d\uff0e\u00b7]|%20|%2[Dd])"
)
_GROUP = re.compile(f"{BETWEEN}*+([0-9]++)")
#: A UUID, which is skipped; or groups of digits, each apart from letters, an escape before the first aside.
_DIGITS = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
    r"|(?:(?<![0-9A-Za-z])(?!(?<=%)2[0-9A-Fa-f])|(?<=\\[nrtbf])|(?<=%[2-5][0-9A-Fa-f]))"
    rf"(?P<run>[0-9]++(?![0-9A-Za-z])(?:{BETWEEN}++[0-9]++(?![0-9A-Za-z]))*+)"
)
#: Digits as they are typed in Japan, in Arabic and in Persian.
_PLAIN_DIGITS = {zero + digit: str(digit) for zero in (0xFF10, 0x660, 0x6F0) for digit in range(10)}

SHORTEST = 13
#: +49 151 …: a telephone number has up to 15 digits.
_LONGER_THAN_PHONES = 16
#: What a digit adds to the check sum, counted from the last: the first, third, … and the others.
_ONCE = bytes.maketrans(b"0123456789", bytes(range(10)))
_TWICE = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


class _Run(NamedTuple):
    """Digits of one run without what separates them: where in them groups begin and end, ▶ where in the text.

    ``sums`` are the check sums up to each digit, of those that count once at even places and at odd ones.
    """

    digits: str
    starts: dict[int, int]
    ends: dict[int, int]
    sums: tuple[list[int], list[int]]

    def is_card(self, first: int, last: int) -> bool:
        """Whether the check digit of these is right."""
        sums = self.sums[(last - 1) % 2]
        return (sums[last] - sums[first]) % 10 == 0


def mask_cards(text: str, mark: Callable[[str], str]) -> tuple[str, int]:
    """*text* with a *mark* for each card number, and how many there were. Takes time as the text's length."""
    if len(text) < SHORTEST:
        return text, 0
    plain = text if text.isascii() else text.translate(_PLAIN_DIGITS)
    parts, done = [], 0
    for match in _DIGITS.finditer(plain):
        if match["run"] is None or match.end() - match.start() < SHORTEST:
            continue
        run = _run_of(plain, match)
        for first, last in _found(plain, run):
            parts += [text[done : run.starts[first]], mark(run.digits[first:last])]
            done = run.ends[last]
    return "".join((*parts, text[done:])), len(parts) // 2


def is_card(value: Any) -> bool:
    """Whether a number is a card's; a float too, where it still has every digit."""
    if isinstance(value, float):
        return value.is_integer() and 1e12 <= value < 2**53 and _is_card(str(int(value)))
    return isinstance(value, int) and 10**12 <= value < 10**19 and _is_card(str(int(value)))


def _is_card(digits: str) -> bool:
    if len(digits) not in _lengths(digits[:4]):
        return False
    backwards = digits.encode()[::-1]
    return (sum(backwards[::2].translate(_ONCE)) + sum(backwards[1::2].translate(_TWICE))) % 10 == 0


@lru_cache(10_000)
def _lengths(prefix: str) -> tuple[int, ...]:
    """How many digits a card's number may have that begins with these four, the most first."""
    number = int(prefix)
    lengths = {length for _, first, last, lengths in _ISSUERS if first <= number <= last for length in lengths}
    return tuple(sorted(lengths, reverse=True))


def _run_of(plain: str, match: re.Match[str]) -> _Run:
    parts: list[str] = []
    starts, ends, size = {}, {}, 0
    for group in _GROUP.finditer(plain, *match.span()):
        start, end = group.span(1)
        starts[size] = start
        size += end - start
        ends[size] = end
        parts.append(group[1])
    digits = "".join(parts)
    return _Run(digits, starts, ends, _sums(digits.encode()))


def _sums(digits: bytes) -> tuple[list[int], list[int]]:
    once, twice = digits.translate(_ONCE), digits.translate(_TWICE)
    even, odd = bytearray(twice), bytearray(once)
    even[::2], odd[::2] = once[::2], twice[::2]
    return [0, *accumulate(even)], [0, *accumulate(odd)]


def _found(plain: str, run: _Run) -> Iterator[tuple[int, int]]:
    """Where card numbers begin and end in the digits of *run*, the longest at each place, none within another."""
    done = 0
    for first, start in run.starts.items():
        if first < done:
            continue
        for length in _lengths(run.digits[first : first + 4]) if first + SHORTEST <= len(run.digits) else ():
            last = first + length
            if last in run.ends and run.is_card(first, last) and not _is_other(plain, start, run.ends[last], length):
                yield first, last
                done = last
                break


def _is_other(plain: str, start: int, end: int, length: int) -> bool:
    """Whether these digits are a telephone number, or a place: 51.50735091234567 is in London."""
    plus = plain[start - 1 : start] == "+" and not plain[max(start - 2, 0) : start - 1].isdigit()
    if plus and length < _LONGER_THAN_PHONES:
        return True
    whole, _, fraction = plain[start:end].partition(".")
    return 0 < len(whole) <= 3 and whole.isdecimal() and fraction.isdecimal()
