"""Whether there may be something to redact: one pass over the bytes, for most events have nothing."""

import re
from functools import lru_cache

from otel_audit.redact import names, personal
from otel_audit.redact.rules import Rules
from otel_audit.redact.shapes import LONG_RUN, RUNS, may_have_shapes


class Suspicion:
    """Looks for what *rules* name."""

    def __init__(self, rules: Rules) -> None:
        self._names = _names(tuple(pattern for pattern, mode in rules.fields.items() if mode != "keep"))

    def of(self, data: bytes) -> bool:
        """Whether *data*, MessagePack or JSON, may hold something. A part is never more suspicious than the whole."""
        folded = data.translate(_FOLD, _DROP)
        if len(folded) >= _LONG:
            folded = _distinct(folded)
        return self._names.search(folded[::-1]) is not None or _shapes(data, folded)


@lru_cache(16)
def _names(chosen: tuple[str, ...]) -> re.Pattern[bytes]:
    """Names read backwards from the colon: hardly a one is followed for more than a letter or two.

    Before a name may stand digits, and what a form makes of ], hardly ever.
    """
    words = {word[::-1] for word in (*names.folded_secrets(), *personal.folded_personal())}
    persons = {word[::-1] + _OPENS for word in personal.folded_persons()}
    patterns = "|".join((_tree([*words, *persons]), *map(_backwards, chosen)))
    return re.compile(f":(?:0{{1,2}}+|(?:d0)++0{{0,2}}+)?+(?:{patterns})".encode())


def has_shapes(data: bytes) -> bool:
    """Whether *data* may hold something that is known by its shape, whatever its name."""
    folded = data.translate(_FOLD, _DROP)
    return _shapes(data, _distinct(folded))


def _distinct(folded: bytes) -> bytes:
    """Of many alike parts one: items of a list hardly differ when digits do not count.

    Nothing that is looked for has a comma in it.
    """
    return b",".join(set(folded.split(b",")))


def _shapes(data: bytes, folded: bytes) -> bool:
    find = folded.rfind  # from the end CPython is twice as fast, and this runs at every event
    if find(b"bearer") >= 0 or (find(_FEWEST) >= 0 and (find(_RUN) >= 0 or _IBAN.search(folded))):
        return True
    find = data.find
    if find(b"\\") >= 0 and find(b"\\u") >= 0:  # JSON's \u may stand for anything
        return True
    if find(b"\xe3") >= 0 and find(b"\xe3\x80\x80") >= 0:  # the wide space has the first byte of all kana
        return True
    if find(b"$") < 0:
        # Folded is shorter, and without the dashes of tokens, which are few.
        among, run = (folded, LONG_RUN[:16]) if len(data) >= _LONG else (data, LONG_RUN)
        if among.translate(RUNS).find(run) < 0:
            return False
    return may_have_shapes(data)


def _folded() -> tuple[bytes, bytes]:
    """The table and the deletions that bring a card number to zeros, and the end of a name before a colon.

    Separators of several bytes, and digits of other scripts, vanish or become a zero or several: a run of digits
    may come out too long, but never interrupted.
    """
    table = bytearray(bytes(range(256)).lower().replace(b"=", b":"))
    table[0x30:0x3A] = b"0" * 10
    table[0x90:0xC0] = b"0" * 0x30
    return bytes(table), b" -._+%\\\"'[]()\t\r\n" + bytes(range(0x80, 0x90)) + b"\xc2\xd9\xdb\xe2\xef"


_FOLD, _DROP = _folded()
_RUN = b"0" * 13
#: From so many bytes on it pays to drop what comes twice.
_LONG = 2048
#: The fewest digits in a row of an account number, where the country does not begin them with letters.
_FEWEST = b"0" * 10
_IBAN = re.compile(rb"00(?<=[a-z]{2}00)[a-z0]{11}")


def _backwards(pattern: str) -> str:
    """A chosen name as it is read backwards in folded bytes; what * stands for is bounded."""
    folded = pattern.encode().translate(_FOLD, _DROP).decode()
    return "".join("[^:{},]{0,64}?" if sign == "*" else re.escape(sign) for sign in reversed(folded))


#: Ends a word that counts only where a map follows it.
_OPENS = "{"


def _tree(words: list[str], before: str = "") -> str:
    """The pattern of *words*, which tells at each letter whether to go on; shorter words hide the longer ones."""
    if "" in words:
        return ""
    firsts = sorted({word[0] for word in words})
    branches = [
        rf"(?<={{:{before})"
        if first == _OPENS
        else first + _tree([word[1:] for word in words if word[0] == first], before + first)
        for first in firsts
    ]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
