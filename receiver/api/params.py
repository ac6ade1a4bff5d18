"""From a request's parameters to a query: everything wrong is told at once."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, get_args
from uuid import UUID

import orjson

from otel_audit.canonical import canonical, unix_ns
from otel_audit.catalog import SEVERITIES, Outcome
from receiver.api.problems import BadRequest, Fault
from receiver.index.query import LIMIT_MAX, Order, Position, Query, TimeField, words_of
from receiver.streams import STATES

VALUE_MAX = 1024
#: Beyond it an index could not tell the times of a query apart.
_TIME_MAX_NS = 2**63 - 1
#: A date alone is its first moment in UTC; a time without an offset could be anyone's, and is refused.
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d))?", re.ASCII)
_TRACE_ID = re.compile(r"[0-9a-f]{32}")

Read = Callable[[str], Any]


def _text(value: str) -> str:
    if not value or len(value) > VALUE_MAX:
        raise ValueError(f"must have 1 to {VALUE_MAX} characters")
    return value


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


def _words(value: str) -> tuple[str, ...]:
    words = words_of([_text(value)])
    if not words:
        raise ValueError("must hold at least one letter or digit")
    return words


#: Parameter ▶ the query's field and how it is read.
SEARCH: Mapping[str, tuple[str, Read]] = {
    "action": ("action", _text),
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
    "related": ("related", _text),
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

#: The parameters of a history: the state at which moment.
HISTORY: Mapping[str, tuple[str, Read]] = {"at": ("at_ns", _time)}


def read_known(known: Mapping[str, tuple[str, Read]], parameters: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What *parameters* say, by field; BadRequest names every unknown, repeated or wrong one."""
    fields, faults = _read_known(known, parameters)
    if faults:
        raise BadRequest(faults)
    return fields


def _read_known(
    known: Mapping[str, tuple[str, Read]], parameters: Iterable[tuple[str, str]]
) -> tuple[dict[str, Any], list[Fault]]:
    fields: dict[str, Any] = {}
    faults: list[Fault] = []
    seen: set[str] = set()
    for name, value in parameters:
        if name in seen:
            faults.append(Fault(name, "is given twice"))
        elif name not in known:
            faults.append(Fault(name, "is not a filter"))
        else:
            field, read = known[name]
            try:
                fields[field] = read(value)
            except ValueError as error:
                faults.append(Fault(name, str(error)))
        seen.add(name)
    return fields, faults


def read_query(tenant: str, parameters: Iterable[tuple[str, str]]) -> Query:
    """The query that *parameters* ask; BadRequest names every unknown, repeated or wrong one."""
    fields, faults = _read_known({**SEARCH, "cursor": ("cursor", str)}, parameters)
    cursor: str | None = fields.pop("cursor", None)
    if fields.get("until_ns", _TIME_MAX_NS) < fields.get("since_ns", 0):
        faults.append(Fault("to", "lies before from"))
    query = Query(tenant=tenant, **fields) if not faults else Query(tenant=tenant)
    if cursor is not None and not faults:
        query = _continued(query, cursor, faults)
    if faults:
        raise BadRequest(faults)
    return query


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
    bare = replace(query, after=None, limit=1)
    fields = {name: getattr(bare, name) for name in Query.__dataclass_fields__}
    return sha256(canonical(fields)).hexdigest()[:16]


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
