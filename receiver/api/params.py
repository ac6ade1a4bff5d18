"""From a request's parameters to a query: everything wrong is told at once."""

import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

import orjson

from otel_audit.canonical import unix_ns
from otel_audit.catalog import SEVERITIES, Outcome
from receiver.api.problems import BadRequest, Fault
from receiver.clock import DAY_NS
from receiver.correlate.letters import Kind
from receiver.index import leaves
from receiver.index.leaves import Leaf
from receiver.index.query import LIMIT_MAX, Order, Position, Query, Range, TimeField, words_of
from receiver.streams import STATES

VALUE_MAX = 1024
#: A window of which both ends are said is no wider: whoever asks for centuries mistyped a year.
WINDOW_MAX_DAYS = 3660
#: Beyond it an index could not tell the times of a query apart.
_TIME_MAX_NS = 2**63 - 1
#: A date alone is its first moment in UTC; a time without an offset could be anyone's, and is refused.
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)
_TRACE_ID = re.compile(r"[0-9a-f]{32}")

Read = Callable[[str], Any]


def _text(value: str) -> str:
    if not value or len(value) > VALUE_MAX:
        raise ValueError(f"must have 1 to {VALUE_MAX} characters")
    return value


def _patterns(value: str) -> tuple[str, ...]:
    return tuple(_text(each) for each in _text(value).split(","))


def _one_of(*allowed: str) -> Read:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value

    return read


def _whole(least: int, most: int) -> Read:
    def read(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return read


def _row(value: str) -> int:
    if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise ValueError("is not one that this API gave")
    return int(value)


def _time(value: str) -> int:
    text = value.upper().replace(" ", "+")  # a plus sign that was not escaped arrives as a space
    try:
        moment = unix_ns(text) if _TIME.fullmatch(text) else None
    except ValueError:  # a 13th month
        moment = None
    if moment is None:
        raise ValueError("must be an RFC 3339 time, such as 2026-11-23T03:00:00Z")
    if not 0 <= moment <= _TIME_MAX_NS:
        raise ValueError("must be a time from 1970 to 2262")
    return moment


def _trace_id(value: str) -> str:
    if not _TRACE_ID.fullmatch(value.lower()):
        raise ValueError("must be 32 hex digits")
    return value.lower()


def _number(value: str) -> float:
    number = float(value) if _NUMBER.fullmatch(value) else math.inf
    if not math.isfinite(number):
        raise ValueError("must be a number, such as 12.5")
    return number


def _words(value: str) -> tuple[str, ...]:
    words = words_of([_text(value)])
    if not words:
        raise ValueError("must hold at least one letter or digit")
    return words


#: Parameter ▶ the query's field and how it is read.
SEARCH: Mapping[str, tuple[str, Read]] = {
    "action": ("actions", _patterns),
    "user_id": ("user_id", _text),
    "user_email": ("user_email", _text),
    "resource_type": ("resource_type", _text),
    "resource_id": ("resource_id", _text),
    "service": ("service", _text),
    "outcome": ("outcome", _one_of(*get_args(Outcome))),
    "severity": ("severity", _one_of(*SEVERITIES)),
    "ip_address": ("ip_address", _text),
    "session_id": ("session_id", _text),
    "trace_id": ("trace_id", _trace_id),
    "request_id": ("request_id", _text),
    "related": ("related", lambda value: (_text(value),)),
    "status_code_min": ("status_code_min", _whole(0, 999)),
    "from": ("since_ns", _time),
    "to": ("until_ns", _time),
    "time": ("time", _one_of(*get_args(TimeField))),
    "q": ("words", _words),
    "order": ("order", _one_of(*get_args(Order))),
    "limit": ("limit", _whole(1, LIMIT_MAX)),
}
#: The parameters of ``GET /completeness``; a cursor is the id of the last stream shown.
STREAMS: Mapping[str, tuple[str, Read]] = {
    "service": ("service", _text),
    "state": ("state", _one_of(*STATES)),
    "limit": ("limit", _whole(1, LIMIT_MAX)),
    "cursor": ("cursor", _text),
}

#: The parameters of ``GET /deadletter``; a cursor is the id of the last letter shown.
DEADLETTER: Mapping[str, tuple[str, Read]] = {
    "kind": ("kind", _one_of(*get_args(Kind))),
    "limit": ("limit", _whole(1, LIMIT_MAX)),
    "cursor": ("before", _row),
}

#: The parameters of a history: the state at which moment.
HISTORY: Mapping[str, tuple[str, Read]] = {"at": ("at_ns", _time)}


def read_known(known: Mapping[str, tuple[str, Read]], parameters: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What *parameters* say, by field; BadRequest names every unknown, repeated or wrong one."""
    fields, faults = _read(lambda name: known.get(name), parameters)
    if faults:
        raise BadRequest(faults)
    return fields


def read_query(tenant: str, parameters: Iterable[tuple[str, str]], numeric: Collection[str] = ()) -> Query:
    """The query that *parameters* ask; BadRequest names every unknown, repeated or wrong one.

    *numeric* are the metadata keys that can be bounded.
    """
    fields, faults = _read(partial(_filter, numeric), parameters)
    cursor: str | None = fields.pop("cursor", None)
    faults += _window(fields.get("since_ns"), fields.get("until_ns"))
    asked = {name: value for name, value in fields.items() if isinstance(name, str)}
    bounded = dict.fromkeys(name.key for name in fields if isinstance(name, _Bound))
    ranges = {key: _range(fields, key, faults) for key in bounded}
    asked |= {"amount": ranges.pop(_AMOUNT, None), "numbers": tuple(ranges.items())}
    asked |= {"leaves": tuple(name.leaf(value) for name, value in fields.items() if isinstance(name, _Path))}
    query = Query(tenant=tenant, **asked) if not faults else Query(tenant=tenant)
    if cursor is not None and not faults:
        query = _continued(query, cursor, faults)
    if faults:
        raise BadRequest(faults)
    return query


#: The key of the amount, which no metadata has.
_AMOUNT = ""


class _Bound(NamedTuple):
    """One end of a range of numbers."""

    key: str
    end: Literal["min", "max"]

    def __str__(self) -> str:
        return f"amount_{self.end}" if self.key == _AMOUNT else f"metadata.{self.key}.{self.end}"


class _Path(NamedTuple):
    """A place in a state or in metadata."""

    field: str
    path: str

    def leaf(self, value: str) -> Leaf:
        return Leaf(self.field, self.path, value)


_BOUNDED = re.compile(r"metadata\..+\.(min|max)", re.DOTALL)
_NOT_NUMERIC = "its key is not among index.numeric_metadata"

#: What a parameter's value is kept under, and how it is read.
_Known = tuple[str | _Bound | _Path, Read]


_FILTERS: Mapping[str, _Known] = {
    **SEARCH,
    "amount_min": (_Bound(_AMOUNT, "min"), _number),
    "amount_max": (_Bound(_AMOUNT, "max"), _number),
    "cursor": ("cursor", str),
}

#: The names of them all, but those that name a place in a state or in metadata.
SEARCH_NAMES = tuple(_FILTERS)


def _filter(numeric: Collection[str], name: str) -> _Known | None:
    """The filter called *name*; None when there is none."""
    if name in _FILTERS:
        return _FILTERS[name]
    field, _, path = name.partition(".")
    if field not in leaves.FIELDS or not path:
        return None
    key, _, end = path.rpartition(".")
    if field == "metadata" and key and end in ("min", "max"):
        return (_Bound(key, "min" if end == "min" else "max"), _number) if key in numeric else None
    return _Path(field, path), _text


def _read(
    known: Callable[[str], tuple[Any, Read] | None], parameters: Iterable[tuple[str, str]]
) -> tuple[dict[Any, Any], list[Fault]]:
    fields: dict[Any, Any] = {}
    faults: list[Fault] = []
    seen: set[str] = set()
    for name, value in parameters:
        found = known(name)
        if name in seen:
            faults.append(Fault(name, "is given twice"))
        elif found is None:
            faults.append(Fault(name, _NOT_NUMERIC if _BOUNDED.fullmatch(name) else "is not a filter"))
        else:
            field, read = found
            try:
                fields[field] = read(value)
            except ValueError as error:
                faults.append(Fault(name, str(error)))
        seen.add(name)
    return fields, faults


def _window(since_ns: int | None, until_ns: int | None) -> Iterator[Fault]:
    """What is wrong with a window of which both ends are said."""
    if since_ns is None or until_ns is None:
        return
    if until_ns < since_ns:
        yield Fault("to", "lies before from")
    elif until_ns - since_ns > WINDOW_MAX_DAYS * DAY_NS:
        yield Fault("to", f"lies more than {WINDOW_MAX_DAYS} days behind from; leave one out to ask for everything")


def _range(fields: Mapping[Any, Any], key: str, faults: list[Fault]) -> Range:
    """The bounds given for *key*."""
    least, most = fields.get(_Bound(key, "min")), fields.get(_Bound(key, "max"))
    if least is not None and most is not None and most < least:
        faults.append(Fault(str(_Bound(key, "max")), "lies below its minimum"))
    return Range(least, most)


def write_cursor(query: Query, position: Position | None) -> str | None:
    """Where the next page begins, opaque to the caller; None after the last page."""
    if position is None:
        return None
    said = [position.time_ns, position.event_id, _mark(query)]
    return urlsafe_b64encode(orjson.dumps(said)).decode().rstrip("=")


def _continued(query: Query, cursor: str, faults: list[Fault]) -> Query:
    try:
        position, mark = _read_cursor(cursor)
    except (ValueError, TypeError):
        faults.append(Fault("cursor", "is not one that this API gave"))
        return query
    if mark != _mark(query):
        faults.append(Fault("cursor", "belongs to another query"))
        return query
    return query.next_after(position)


def _read_cursor(cursor: str) -> tuple[Position, str]:
    time_ns, event_id, mark = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if type(time_ns) is not int or not 0 <= time_ns <= _TIME_MAX_NS or not isinstance(event_id, str):
        raise ValueError("no position")
    return Position(time_ns, str(UUID(event_id))), mark


def _mark(query: Query) -> str:
    """What ties a cursor to its query: everything but the position and the page's size."""
    return sha256(repr(replace(query, after=None, limit=1)).encode()).hexdigest()[:16]


def read_trace_id(value: str) -> str:
    """A trace id in a path; BadRequest when it cannot be one."""
    try:
        return _trace_id(value)
    except ValueError as error:
        raise BadRequest([Fault("trace_id", str(error))]) from None


def read_event_id(value: str) -> str:
    """An event id in a path, in its one spelling; BadRequest when it is no UUID."""
    try:
        return str(UUID(value))
    except ValueError:
        raise BadRequest([Fault("event_id", "must be a UUID")]) from None
