"""The one byte form of a value, the one text form of a time, and the ids derived from them."""

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

_SECOND = 1_000_000_000
#: Seconds remembered as text: most times asked for are of the last few.
_SECONDS_MAX = 256
_EPOCH_DAYS = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def canonical(value: Any) -> bytes:
    """Equal values give equal bytes, whatever the order of their keys.

    The bytes are those of RFC 8785 where keys are ASCII and numbers are integers, as in
    everything this project writes about itself.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def derived_event_id(trace_id: bytes, span_id: bytes, name: str, time_unix_ns: int, ordinal: int) -> str:
    """The id of an event that brought none: a UUIDv8 (RFC 9562), the same however often it is sent.

    *ordinal* is the event's place (from 0) among the span's events of that name and time.
    """
    said = canonical([trace_id.hex(), span_id.hex(), name, str(time_unix_ns), ordinal])
    digest = bytearray(sha256(said).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))


def rfc3339(unix_ns: int) -> str:
    """*unix_ns* as RFC 3339 in UTC with nine decimals; such texts sort as their times do."""
    seconds, nanos = divmod(unix_ns, _SECOND)
    return f"{_to_the_second(seconds)}.{nanos:09d}Z"


@lru_cache(_SECONDS_MAX)
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def unix_ns(text: str) -> int:
    """The inverse of :func:`rfc3339`; also reads fewer decimals and any offset. ValueError when it is no time."""
    main, dot, rest = text.partition(".")
    if not dot:
        return _moment_of(text)
    digits = len(rest) - len(rest.lstrip("0123456789"))
    nanos, offset = rest[:digits], rest[digits:]
    if not 1 <= len(nanos) <= 9:
        raise ValueError(f"not a time: {text!r}")
    return _moment_of(main + offset) + int(nanos.ljust(9, "0"))


@lru_cache(_SECONDS_MAX)
def _moment_of(text: str) -> int:
    """The nanoseconds since 1970 of *text* as Python reads it."""
    moment = datetime.fromisoformat(text)
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not a time: {text!r} is outside the years 1 to 9999") from None
    days = moment.toordinal() - _EPOCH_DAYS
    seconds = days * 86400 + moment.hour * 3600 + moment.minute * 60 + moment.second
    return seconds * _SECOND + moment.microsecond * 1000
