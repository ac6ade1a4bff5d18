"""What is remarkable about an event at its receipt, decided once and journalled with it."""

from collections.abc import Iterator, Mapping
from typing import Any

from receiver.claims import UNAUTHORISED, Claims


def anomalies_of(said: Mapping[str, Any], claims: Claims) -> tuple[str, ...]:
    """The marks of an event that says *said*, sent by someone with *claims*."""
    return tuple(_marks(said, claims))


def _marks(said: Mapping[str, Any], claims: Claims) -> Iterator[str]:
    source = said.get("source") or {}
    if not claims.allow(said["action"], said.get("service_name"), source.get("id")):
        yield UNAUTHORISED
