"""What stands in the place of what was redacted: nothing of it, its end, or a pseudonym.

=============  =====================================  ==================================================
mode           what stands there                      what it still tells
=============  =====================================  ==================================================
``remove``     ``[redacted]``                         that there was something
``mask``       ``[masked …1111]``, ``[masked]``       the last four signs, of nine or more
``pseudonym``  ``pseudonym-`` and 32 hex digits         that it is the same as elsewhere
=============  =====================================  ==================================================

A pseudonym is HMAC-SHA-256 under the key that SDK and receiver share, cut to 128 bits. Case and white
space around do not count, nor does the field: the same address has the same pseudonym everywhere.
"""

import hmac
import re
from typing import Any, Literal, get_args
from unicodedata import normalize

Mode = Literal["remove", "mask", "pseudonym"]
MODES: tuple[Mode, ...] = get_args(Mode)

REDACTED = "[redacted]"

_MARK = re.compile(r"\[(?:redacted|masked|(?:masked|card|iban) …[^\[\]]{4})\]|pseudonym-[0-9a-f]{32}(?![0-9a-f])")
_LONGEST = len("pseudonym-") + 32
_SHOWN = 4
#: Of what is shorter than this a mask shows nothing.
_SHOWN_FROM = 9
#: What a mask may show as it is; anything else might end the text it stands in.
_ODD = re.compile(r"[^\w.@+\-]")


def is_mark(text: str) -> bool:
    """Whether *text* is what redaction left."""
    return len(text) <= _LONGEST and _MARK.fullmatch(text) is not None


def is_pseudonym(value: object) -> bool:
    """Whether *value* is a pseudonym, whoever made it."""
    return isinstance(value, str) and value.startswith("pseudonym-") and is_mark(value)


def mark_at(text: str, start: int) -> bool:
    """Whether what redaction left stands in *text* from *start* on."""
    return _MARK.match(text, start) is not None


class Marks:
    """Puts marks, pseudonyms with *key*; without one what should be a pseudonym is masked."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def put(self, mode: Mode, value: Any, noun: str = "masked") -> str:
        """What stands for *value*, which a mask calls *noun*."""
        if mode == "remove":
            return REDACTED
        text = value if isinstance(value, str) else str(value)
        if mode == "pseudonym" and self._key is not None:
            return pseudonym(self._key, text)
        if len(text) < _SHOWN_FROM:
            return "[masked]"
        return f"[{noun} …{_ODD.sub('*', text[-_SHOWN:])}]"


def pseudonym(key: bytes, text: str) -> str:
    """The pseudonym of *text* under *key*."""
    plain = text if text.isascii() else normalize("NFC", text)
    said = plain.strip().casefold().encode("utf-8", "surrogatepass")
    return f"pseudonym-{hmac.digest(key, said, 'sha256')[:16].hex()}"
