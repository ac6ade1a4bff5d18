"""Bank account numbers (ISO 13616): known by country, length and check digits, whatever separates their signs."""

import re
from collections.abc import Callable

from otel_audit.redact.cards import BETWEEN

#: How many signs a country's have, by the registry of SWIFT.
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI FK",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ DZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO EG GT HU LB NI PL SV",
        29: "BR PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
LONGEST = max(_LENGTHS.values())
_START = re.compile(rf"(?<![0-9A-Za-z])([A-Za-z]{{2}}){BETWEEN}{{0,2}}[0-9]{BETWEEN}{{0,2}}[0-9]", re.ASCII)
_NEXT = re.compile(rf"{BETWEEN}{{0,3}}([0-9A-Za-z])", re.ASCII)


def mask_ibans(text: str, mark: Callable[[str], str]) -> tuple[str, int]:
    """*text* with a *mark* for each account number, and how many there were. Takes time as the text's length."""
    parts, done = [], 0
    for start in _START.finditer(text):
        if start.start() < done:
            continue
        found = _read(text, start.start(), _LENGTHS.get(start[1].upper(), 0))
        if found is not None:
            signs, end = found
            parts += [text[done : start.start()], mark(signs)]
            done = end
    return "".join((*parts, text[done:])), len(parts) // 2


def _read(text: str, start: int, length: int) -> tuple[str, int] | None:
    """The *length* signs of an account number that begins at *start*, and where it ends."""
    signs, end = [], start
    for _ in range(length):
        sign = _NEXT.match(text, end)
        if sign is None:
            return None
        signs.append(sign[1])
        end = sign.end()
    if not signs or (text[end : end + 1].isascii() and text[end : end + 1].isalnum()):
        return None
    iban = "".join(signs).upper()
    return (iban, end) if _checks(iban) else None


def _checks(iban: str) -> bool:
    """ISO 7064, MOD 97-10: letters count from ten on."""
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1
