"""How much an entry is about: amounts, and numbers in its metadata."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from otel_audit.entry import Entry

_AMOUNT_IN_STATE = ("total_amount", "total", "refund_amount", "amount")


def amount_of(entry: Entry) -> float | None:
    """The first number among metadata ``amount`` and the new state's totals; None when there is none."""
    state = entry.new_state if isinstance(entry.new_state, dict) else {}
    said = (entry.metadata.get("amount"), *(state.get(key) for key in _AMOUNT_IN_STATE))
    return next((number for number in map(number_of, said) if number is not None), None)


def currency_of(entry: Entry) -> str | None:
    """The currency named beside it, in the same order."""
    state = entry.new_state if isinstance(entry.new_state, dict) else {}
    said = (entry.metadata.get("currency"), state.get("currency"))
    return next((code for code in said if isinstance(code, str) and code), None)


def numbers_of(entry: Entry, keys: Iterable[str]) -> Iterator[tuple[str, float]]:
    """The metadata under *keys* that are numbers."""
    for key in keys:
        if (number := number_of(entry.metadata.get(key))) is not None:
            yield key, number


def number_of(value: Any) -> float | None:
    """*value* as a finite number; money is often sent as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
