"""Values as Elasticsearch takes them: nothing it would refuse is left, and what is left reads like the original."""

from functools import lru_cache
from ipaddress import ip_address
from typing import Any

#: Objects and lists within each other; a ``flattened`` field refuses deeper ones.
DEPTH_MAX = 20
#: Twenty such keys and a value together stay within the 32766 bytes of a term.
KEY_MAX = 200
#: Longest integer of a ``long`` field.
LONG_MAX = 2**63 - 1

#: Texts remembered with whether they are addresses.
_ADDRESSES_MAX = 4096

#: Stands in place of what lies deeper than DEPTH_MAX.
CUT = "… deeper than 20 levels"
#: The key under which a state stands that is no object.
WRAPPED = "value"


def clean_state(state: Any) -> dict[str, Any]:
    """*state* as a ``flattened`` field takes it: an object, cut at DEPTH_MAX, with keys that can be terms."""
    cleaned: dict[str, Any] = _clean(state if isinstance(state, dict) else {WRAPPED: state}, DEPTH_MAX)
    return cleaned


def _clean(value: Any, levels: int) -> Any:
    if isinstance(value, dict):
        return {_key(key): _clean(inner, levels - 1) for key, inner in value.items()} if levels else CUT
    if isinstance(value, list | tuple):
        return [_clean(inner, levels - 1) for inner in value] if levels else CUT
    return value


def _key(key: str) -> str:
    return key.replace("\0", "_")[:KEY_MAX]


@lru_cache(_ADDRESSES_MAX)
def is_address(text: str | None) -> bool:
    """Whether an ``ip`` field takes *text*: an address without a zone."""
    try:
        return text is not None and "%" not in text and bool(ip_address(text))
    except ValueError:
        return False


def is_long(number: int | None) -> bool:
    """Whether a ``long`` field takes *number*."""
    return number is not None and -LONG_MAX <= number <= LONG_MAX
