"""A name that is nearly one of the catalogue is most likely a slip: its entries would be found under neither."""

import logging
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from otel_audit.catalog import ACTIONS

_log = logging.getLogger("otel_audit")

#: How alike two names must be, from 0 to 1.
ALIKE = 0.85
#: So many names are remembered as looked at; each is warned about once.
REMEMBERED_MAX = 1024
#: No listed name is as long.
NAME_MAX = 200

_KNOWN = [f"{action.key}.{result}" for action in ACTIONS.values() for result in action.results]


def look(name: Any) -> None:
    """Warn, once, about a name that is not in the catalogue and nearly is; for development mode."""
    if isinstance(name, str) and (nearest := nearest_to(name)) is not None:
        _warn(name, nearest)


@lru_cache(REMEMBERED_MAX)
def nearest_to(name: str) -> str | None:
    """The listed event that *name* was most likely meant to be; None for one that is listed, or like none."""
    if name in _KNOWN or len(name) > NAME_MAX:
        return None
    return next(iter(get_close_matches(name.lower(), _KNOWN, 1, ALIKE)), None)


@lru_cache(REMEMBERED_MAX)
def _warn(name: str, nearest: str) -> None:
    _log.warning("not an action of the catalogue, but nearly one", extra={"action": name, "nearest": nearest})
