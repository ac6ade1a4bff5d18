"""What must not be told: secrets, known by their names, and payment card numbers.

An audit entry is kept for years and nobody may change it, so what must not be in it is replaced before it is said:
a secret by ``[redacted]``, a card number by ``[card …1111]``.

=============================================  ==========================================================
a name is a secret's                           it ends in a word of the tables below: ``stripe_api_key``
however it is spelled                          ``apiKey``, ``api-key``, ``API_KEY``, ``user[apikey]``
what may follow the word                       what leaves it the secret: ``password_hash``, ``cvv2``
any other end tells about the secret           ``token_type``, ``password_changed_at``, ``api_key_id``
so does such a beginning                       ``has_password``, ``isSecret``
no secret whatever its name                    true, false, nothing, empty; a number under a plural: a count
in text                                        ``name=value``, ``name: value``, ``Bearer value``
a card number                                  13 to 19 digits of a known issuer with a valid check digit,
                                               apart from other letters and digits, separators within
=============================================  ==========================================================

Texts that are JSON are read and written again, and the JSON texts in them; text that cannot be read is searched.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from otel_audit import wire

REDACTED = "[redacted]"

#: Never touched: what the receiver needs to file the event.
STRUCTURE = frozenset(
    {
        *(wire.RECORD_ID, wire.SCHEMA, wire.OUTCOME, wire.SEVERITY, wire.ACTOR_TYPE),
        *(wire.PARENT_RECORD_ID, wire.SOURCE_ID, wire.SEQUENCE),
    }
)

#: A name that ends in one of these, whatever stands before, is a secret's; _ is any separator or none.
SECRETS = (
    *("pass_word", "passwd", "pwd", "pass_phrase", "pass_code", "secret", "credential", "security_answer"),
    *("token", "jwt", "bearer", "authorization", "cookie", "connection_string"),
    *("api_key", "private_key", "secret_key", "access_key", "encryption_key", "signing_key"),
    *("cvv", "cvv_code", "cvc", "cvc_code", "security_code"),
    *("card_verification", "card_verification_code", "card_verification_number"),
    *("otp", "otp_code", "mfa_code", "recovery_code"),
)
#: As SECRETS, but only as a word of its own: a hairpin is none, and pin_code is a postal code.
SECRET_WORDS = ("pin", "csc")
#: What may follow and leaves it the secret, before up to two digits; so may the plural of the longer words.
STILL_SECRET = ("hash", "digest", "confirm", "confirmation", "repeat", "value")
#: A name that begins so tells whether there is a secret.
ABOUT = ("has", "is", "needs", "requires")

#: JSON text in JSON text in JSON text: deeper ones are searched as text.
_LEVELS = 3
#: Names remembered; a name is judged by its end.
_NAMES_MAX, _NAME_MAX = 4096, 64


# -- whether there may be something: one pass over the bytes ---------------------------------------------------


def needed(attributes: Mapping[str, Any], encoded: bytes) -> bool:
    """Whether :func:`redact` might change *attributes*, or what *encoded* is read as; True may be in vain.

    *encoded* is MessagePack or JSON and holds every text of *attributes* in UTF-8. Objects that are encoded as
    something else, such as models, are not looked into: they might.
    """
    if not _harmless.issuperset(attributes) and _named_secret(attributes):
        return True
    if _suspicious(encoded):
        return True
    if _PLAIN.issuperset(map(type, attributes.values())):
        return False
    others = [value for value in attributes.values() if type(value) not in _PLAIN]
    return any(_is_card(value) if type(value) in _NUMBERS else _nested(value) for value in others)


#: Values whose text stands in the encoded event, or that have none.
_PLAIN = frozenset({str, bool, bytes, type(None), UUID, Decimal, datetime, date, time, timedelta})
_NUMBERS = (int, float)
#: The common ones first: they are found faster.
_CONTAINERS = (dict, list, tuple, Mapping)
_LISTS, _TEXT = frozenset({list, tuple}), frozenset({str})
#: Attributes' names that were looked at and are no secret's.
_harmless: set[str] = set()


def _named_secret(attributes: Mapping[str, Any]) -> bool:
    for key, value in attributes.items():
        if key in _harmless:
            continue
        if key not in STRUCTURE and _secret(str(key)[-_NAME_MAX:]):
            if _hides(key, value):
                return True
        else:
            if len(_harmless) >= _NAMES_MAX:
                _harmless.clear()
            _harmless.add(key)
    return False


def _nested(value: Any) -> bool:
    """Whether a value of another kind has something to redact that its text in the encoded event does not show."""
    if type(value) in _LISTS and _TEXT.issuperset(map(type, value)):
        return False
    redaction = _Redaction()
    redaction.value(value, 0)
    return redaction.count > 0 or redaction.unknown


def _folded() -> tuple[bytes, bytes]:
    """The table and the deletions that bring a card number to zeros, and the end of a secret's name before a colon.

    Separators of several bytes, and digits of other scripts, vanish or become a zero or several: a run of digits
    may come out too long, but never interrupted.
    """
    table = bytearray(bytes(range(256)).lower().replace(b"=", b":"))
    table[0x30:0x3A] = b"0" * 10
    table[0x90:0xC0] = b"0" * 0x30
    return bytes(table), b" -._+%\\\"'[]()\t\r\n" + bytes(range(0x80, 0x90)) + b"\xc2\xd9\xdb\xe2\xef"


_FOLD, _DROP = _folded()
_RUN = b"0" * 13


def _suspicious(data: bytes) -> bool:
    """Whether *data* may hold a card number or name a secret. A part is never more suspicious than the whole."""
    folded = data.translate(_FOLD, _DROP)
    find = folded.find  # twice as fast as "in", and this runs at every event
    if find(_RUN) >= 0 or find(b"bearer") >= 0 or (find(b":") >= 0 and _BACKWARDS.search(folded[::-1])):
        return True
    find = data.find
    # JSON's \u may stand for anything; the wide space has the first byte of all kana.
    return find(b"\\u") >= 0 or (find(b"\xe3") >= 0 and find(b"\xe3\x80\x80") >= 0)


def _names(separator: str, short: str) -> str:
    """The pattern of SECRETS and their plurals, or *short*, which stands for SECRET_WORDS."""
    words = [word.replace("_", separator) for word in SECRETS]
    long, brief = "|".join(w for w in words if len(w) > 3), "|".join(w for w in words if len(w) == 3)
    return rf"(?:(?:{long})s?|{brief}|{short})(?:{separator}(?:{'|'.join(STILL_SECRET)}))?"


def _folded_names() -> Iterator[str]:
    for word in (*SECRETS, *SECRET_WORDS):
        for plural in ("", "s") if len(word) > 3 else ("",):
            yield from (f"{word}{plural}{rest}".replace("_", "") for rest in ("", *STILL_SECRET))


def _tree(words: list[str]) -> str:
    """The pattern of *words*, which tells at each letter whether to go on; shorter words hide the longer ones."""
    if "" in words:
        return ""
    firsts = sorted({word[0] for word in words})
    branches = [first + _tree([word[1:] for word in words if word[0] == first]) for first in firsts]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


#: Names read backwards from the colon, a form's %5D aside: hardly a one is followed for more than a letter or two.
_BACKWARDS = re.compile(f":(?:d0)*+0{{0,2}}{_tree([name[::-1] for name in _folded_names()])}".encode())


# -- names -----------------------------------------------------------------------------------------------------

_SEPARATOR = r"[_\-. ]?"
_OWN_WORD = rf"(?-i:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:{'|'.join(SECRET_WORDS)})"
_NAME = re.compile(rf"{_names(_SEPARATOR, _OWN_WORD)}\d{{0,2}}(?:\]|\)|%5D)*\Z", re.ASCII | re.IGNORECASE)
_ABOUT_NAME = re.compile(rf"(?:\A|[.\[])(?i:{'|'.join(ABOUT)})(?=[_\-A-Z])[^.]*\Z", re.ASCII)


@lru_cache(_NAMES_MAX)
def _secret(name: str) -> bool:
    """Whether a name, or the end of a long one, is a secret's."""
    name = name.strip(" ")
    return _NAME.search(name) is not None and _ABOUT_NAME.search(name) is None


def _hides(name: str, value: Any) -> bool:
    """Whether *value* is a secret for its *name*."""
    if value is None or isinstance(value, bool) or not _secret(name[-_NAME_MAX:]):
        return False
    if isinstance(value, _NUMBERS):
        return not _plural(name) or _is_card(value)
    if isinstance(value, str):
        return value not in ("", REDACTED)
    return not isinstance(value, (bytes, *_CONTAINERS)) or len(value) > 0


def _plural(name: str) -> bool:
    return name.rstrip("])").lower().endswith("s")


# -- card numbers ----------------------------------------------------------------------------------------------

#: 13 digits are an old Visa or a Maestro; the other Maestro ranges are left alone, too much else looks like them.
_ISSUED = re.compile(
    r"""4\d{12}(?:\d{3}){0,2}                                                # Visa
    | (?:5[1-5]\d\d | 222[1-9] | 22[3-9]\d | 2[3-6]\d\d | 27[01]\d | 2720)\d{12}  # Mastercard
    | 3[47]\d{13}                                                            # American Express
    | (?:6011 | 64[4-9]\d | 65\d\d)\d{12,15}                                 # Discover
    | (?:3[689]\d\d | 30[0-5]\d)\d{10,15}                                    # Diners Club
    | 35(?:2[89] | [3-8]\d)\d{12,15}                                         # JCB
    | 62\d{14,17}                                                            # UnionPay
    | (?:5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 676[1-3])\d{9,15}         # Maestro
    """,
    re.VERBOSE | re.ASCII,
)
#: Between digits: spaces and dashes of any width, dots, and what a form makes of them.
_BETWEEN = (
    "(?:[ .+\\-\u00a0\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff"
    "\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d\uff0e\u00b7]|%20|%2[Dd])"
)
_GROUP = re.compile(f"{_BETWEEN}*+([0-9]++)")
#: A UUID, which is skipped; or groups of digits, each apart from letters, an escape before the first aside.
_DIGITS = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
    r"|(?:(?<![0-9A-Za-z])(?!(?<=%)2[0-9A-Fa-f])|(?<=\\[nrtbf])|(?<=%[2-5][0-9A-Fa-f]))"
    rf"(?P<run>[0-9]++(?![0-9A-Za-z])(?:{_BETWEEN}++[0-9]++(?![0-9A-Za-z]))*+)"
)
#: Digits as they are typed in Japan, in Arabic and in Persian.
_PLAIN_DIGITS = {zero + digit: str(digit) for zero in (0xFF10, 0x660, 0x6F0) for digit in range(10)}


#: What a digit adds to the check sum of ISO/IEC 7812, counted from the last: the first, third, … and the others.
_ONCE = bytes.maketrans(b"0123456789", bytes(range(10)))
_TWICE = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


def _card(digits: str) -> bool:
    if _ISSUED.fullmatch(digits) is None:
        return False
    backwards = digits.encode()[::-1]
    return (sum(backwards[::2].translate(_ONCE)) + sum(backwards[1::2].translate(_TWICE))) % 10 == 0


def _is_card(value: Any) -> bool:
    """Whether a number is a card's; a float too, where it still has every digit."""
    if isinstance(value, float):
        return value.is_integer() and 1e12 <= value < 2**53 and _card(str(int(value)))
    return isinstance(value, int) and 10**12 <= value < 10**19 and _card(str(int(value)))


def _mask(digits: str) -> str:
    return f"[card …{digits[-4:]}]"


def _cards(text: str) -> tuple[str, int]:
    """*text* with its card numbers masked, and how many there were."""
    plain = text if text.isascii() else text.translate(_PLAIN_DIGITS)
    parts, done = [], 0
    for run in _DIGITS.finditer(plain):
        if run["run"] is None:
            continue
        groups = [group.span(1) for group in _GROUP.finditer(plain, *run.span())]
        first = 0
        while first < len(groups):
            last = _last_group(plain, groups, first)
            if last is not None:
                start, end = groups[first][0], groups[last][1]
                digits = "".join(plain[begin:stop] for begin, stop in groups[first : last + 1])
                parts += [text[done:start], _mask(digits)]
                first, done = last, end
            first += 1
    return "".join((*parts, text[done:])), len(parts) // 2


#: The same for names, which come again and again.
_name_cards = lru_cache(_NAMES_MAX)(_cards)


def _last_group(plain: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Where the longest card number that begins with this group ends, if one does."""
    found, digits, start = None, "", groups[first][0]
    # +49 151 …: a telephone number has up to 15 digits.
    fewest = 16 if plain[start - 1 : start] == "+" and not plain[max(start - 2, 0) : start - 1].isdigit() else 13
    for last in range(first, len(groups)):
        digits += plain[slice(*groups[last])]
        if len(digits) > 19:
            break
        if len(digits) >= fewest and _card(digits) and not _is_decimal(plain[start : groups[last][1]]):
            found = last
    return found


def _is_decimal(text: str) -> bool:
    """51.50735091234567 is a place in London."""
    whole, _, fraction = text.partition(".")
    return 0 < len(whole) <= 3 and whole.isdecimal() and fraction.isdecimal()


# -- secrets in text -------------------------------------------------------------------------------------------

#: A name and what stands before its value. Spaces only: other white space may be escaped in the encoded event.
_NAMED = re.compile(r"(?<![\w.\-\[\]%])([\w.\-\[\]%]++)(\\*[\"'])? *(?:=>|[:=])\s*+", re.ASCII)
_QUOTED = re.compile(r"""(?P<quote>")(?P<value>(?:[^"\\]|\\.)*+)"|(')((?:[^'\\]|\\.)*+)'|(\\+["'])(.*?)\5""", re.DOTALL)
_SCHEME = r"(?:(?i:bearer|basic|digest|token|negotiate)[ ]+)?"
_BARE = re.compile(
    rf"""(?:\\*["'])?({_SCHEME}(?:[^\s&;,"'<>\\]|\\(?!\\*["'nrt])|,(?!\s|[\w.\-]+\\*["']?[=:]))++)""", re.ASCII
)
#: After a quoted name, as in JSON that was cut off.
_BARE_JSON = re.compile(r"""(?:\\*["'])?([^\s&;,"'<>\\{}\[\]]++)""", re.ASCII)
_COOKIES = re.compile(r"""([^\s;"'<>\\]++(?:; *[^\s;="'<>\\]+(?:=[^\s;"'<>\\]*+)?)*+)""", re.ASCII)
_BEARER = re.compile(r"(?<![0-9A-Za-z])((?i:bearer)\s++)(?=[A-Za-z._~+/\-]*+\d)[0-9A-Za-z._~+/\-]{8,}+=*+", re.ASCII)
_NOTHING = frozenset({"true", "false", "null", "none", "nil", "undefined"})


def _secrets(text: str) -> tuple[str, int]:
    """*text* without the values that stand after a secret's name, and how many there were."""
    parts, done = [], 0
    for named in _NAMED.finditer(text):
        name = named[1]
        if named.start() < done or not _secret(name[-_NAME_MAX:]):
            continue
        value = _value_at(text, named)
        if value is None:
            continue
        start, end, replacement = value
        parts += [text[done:start], replacement]
        done = end
    return "".join((*parts, text[done:])), len(parts) // 2


def _value_at(text: str, named: re.Match[str]) -> tuple[int, int, str] | None:
    """Where the secret after *named* begins and ends, and what shall stand there."""
    quoted = _QUOTED.match(text, named.end())
    if quoted is not None:
        start, end = quoted.span(quoted.lastindex or 0)
        return None if text[start:end] in ("", REDACTED) else (start, end, REDACTED)
    name, quote = named[1], named[2]
    header = "=" not in named[0] and name.lower().endswith("cookie")
    pattern = _BARE_JSON if quote else _COOKIES if header else _BARE
    bare = pattern.match(text, named.end())
    if (
        bare is None
        or bare[1] == REDACTED
        or text.startswith("[card …", bare.start(1))
        or bare[1].lower() in _NOTHING
        or _counts(name, bare[1])
    ):
        return None
    opened = bare.start(1) > bare.start()
    return (*bare.span(1), f"{quote}{REDACTED}{quote}" if quote and not opened else REDACTED)


def _counts(name: str, value: str) -> bool:
    return len(value) < 13 and _plural(name) and value.strip(".)").isdecimal()


# -- the event -------------------------------------------------------------------------------------------------


def redact(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """*attributes* without secrets and card numbers, and how many values were replaced.

    Never raises, however deep the values; *attributes* stays as it is, and values without a find are the same
    objects. Doing it again changes nothing.
    """
    redaction = _Redaction()
    clean: dict[str, Any] = {}
    for key, value in attributes.items():
        if key in STRUCTURE:
            clean[key] = value
        else:
            clean[redaction.key(key, clean)] = redaction.named(key, value)
    return clean, redaction.count


class _Redaction:
    """One event's redaction: counts what it replaces, and notes whether there was a value of an unknown kind.

    *level* is how many JSON texts stand around a value.
    """

    def __init__(self) -> None:
        self.count = 0
        self.unknown = False

    def named(self, name: Any, value: Any) -> Any:
        if _hides(str(name), value):
            self.count += 1
            return REDACTED
        return self.value(value, 0)

    def value(self, value: Any, level: int) -> Any:
        if isinstance(value, str):
            return self.text(value, level)
        if isinstance(value, _CONTAINERS):
            return self.container(value, level)
        if isinstance(value, bytes):
            return self.binary(value, level)
        if _is_card(value):
            self.count += 1
            return _mask(str(int(value)))
        if type(value) not in _PLAIN and not isinstance(value, _NUMBERS):
            self.unknown = True
        return value

    def key(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        """A card number may be a key too; two that are masked alike must not become one."""
        if isinstance(key, str):
            masked, found = (key, 0) if len(key) < 13 else _name_cards(key) if len(key) <= _NAME_MAX else _cards(key)
        else:
            masked, found = (_mask(str(int(key))), 1) if _is_card(key) else (key, 0)
        if not found and key not in taken:
            return key
        self.count += found
        unique, number = masked, 1
        while unique in taken:
            number += 1
            unique = f"{masked} ({number})"
        return unique

    def container(self, root: Any, level: int) -> Any:
        """Without recursion, and each container once: neither depth nor a circle stops it."""
        before = self.count
        copy = _empty(root)
        copies = {id(root): (root, copy)}
        waiting = [(root, copy)]
        while waiting:
            source, target = waiting.pop()
            named = isinstance(source, Mapping)
            for key, item in source.items() if named else enumerate(source):
                if named and _hides(str(key), item):
                    self.count += 1
                    clean = REDACTED
                elif isinstance(item, _CONTAINERS):
                    if id(item) not in copies:
                        copies[id(item)] = (item, _empty(item))
                        waiting.append(copies[id(item)])
                    clean = copies[id(item)][1]
                else:
                    clean = self.value(item, level)
                if named:
                    target[self.key(key, target)] = clean
                else:
                    target.append(clean)
        return root if self.count == before else copy

    def binary(self, value: bytes, level: int) -> bytes:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return value
        clean = self.text(text, level)
        return value if clean is text else clean.encode()

    def text(self, text: str, level: int) -> str:
        if len(text) < 13 and ":" not in text and "=" not in text:
            return text  # too short for a card number or a token
        if not _suspicious(_utf8(text)):
            return text
        read = self.json(text, level)
        if read is not None:
            return read
        clean, secrets = _secrets(text)
        clean, tokens = _BEARER.subn(rf"\g<1>{REDACTED}", clean)
        clean, cards = _cards(clean)
        if not secrets + tokens + cards:
            return text
        self.count += secrets + tokens + cards
        # What could not be read may have been the secret.
        read = self.json(clean, level)
        return clean if read is None else read

    def json(self, text: str, level: int) -> str | None:
        """*text* redacted as the JSON it is, written again only if something was found; None if it is not JSON."""
        if level >= _LEVELS or not text.lstrip(" \t\r\n").startswith(("{", "[", '"')):
            return None
        before = self.count
        try:
            clean = self.value(orjson.loads(text), level + 1)
            return text if self.count == before else orjson.dumps(clean).decode()
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # no JSON, or deeper than can be written again
            self.count = before
            return None


def _empty(container: Any) -> Any:
    return {} if isinstance(container, Mapping) else []


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
