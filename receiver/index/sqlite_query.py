"""A :class:`~receiver.index.query.Query` as SQL."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from receiver.index.moment import bound_ns
from receiver.index.port import COUNTED_MAX
from receiver.index.query import EXACT, FACETS, Query, Range
from receiver.index.sqlite_tables import SELECTIVE, all_tokens, int64


class Statement(NamedTuple):
    """SQL with its parameters."""

    sql: str
    parameters: tuple[Any, ...]


class _Condition(NamedTuple):
    """Part of a WHERE clause with its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()


def page(query: Query) -> Statement:
    """Selects the entries of one page and one more, which tells whether there is another page."""
    where = _where([*_asked(query), *_after(query)])
    direction = query.order.upper()
    order = f"{_time(query)} {direction}, event_id {direction}"
    sql = f"SELECT entry FROM entries WHERE {where.sql} ORDER BY {order} LIMIT ?"  # noqa: S608
    return Statement(sql, (*where.parameters, query.limit + 1))


def count(query: Query) -> Statement:
    """Counts the matches, wherever the page begins, and stops one above what is counted exactly."""
    where = _where(_asked(query))
    sql = f"SELECT count(*) FROM (SELECT 1 FROM entries WHERE {where.sql} LIMIT {COUNTED_MAX + 1})"  # noqa: S608
    return Statement(sql, where.parameters)


def facets(query: Query, size: int) -> dict[str, Statement]:
    """Query field ▶ counts its values among the matches."""
    where = _where(_asked(query))
    return {
        name: Statement(
            f"SELECT {column}, count(*) AS n FROM entries WHERE {where.sql} AND {column} IS NOT NULL"  # noqa: S608
            f" GROUP BY {column} ORDER BY n DESC, {column} LIMIT ?",
            (*where.parameters, size),
        )
        for name, column in FACETS.items()
    }


def _where(conditions: Iterable[_Condition]) -> _Condition:
    """All of *conditions* at once; what was asked stands among the parameters, never in the SQL."""
    every = list(conditions)
    joined = " AND ".join(condition.sql for condition in every)
    return _Condition(joined, tuple(value for condition in every for value in condition.parameters))


def _asked(query: Query) -> Iterator[_Condition]:
    yield _Condition("+tenant = ?" if _by_row(query) else "tenant = ?", (query.tenant,))
    if not query.wants_own:
        yield _Condition("own = 0")
    if query.actions:
        yield _any(list(map(_action, query.actions)))
    for asked, column in EXACT.items():
        if (value := getattr(query, asked)) is not None:
            yield _any([_Condition(f"{column} = ?", (each,)) for each in query.values(value)])
    if query.status_code_min is not None:
        yield _Condition("status_code >= ?", (int64(query.status_code_min),))
    if query.since_ns is not None:
        yield _Condition(f"{_time(query)} >= ?", (bound_ns(query.since_ns),))
    if query.until_ns is not None:
        yield _Condition(f"{_time(query)} < ?", (bound_ns(query.until_ns),))
    if query.related:
        keys = _places(query.related)
        sql = f"id IN (SELECT id FROM related WHERE tenant = ? AND key IN ({keys}))"  # noqa: S608
        yield _Condition(sql, (query.tenant, *query.related))
    if query.traces:
        yield _Condition(f"trace_id IN ({_places(query.traces)})", query.traces)
    if query.words or query.leaves:
        tokens = all_tokens(query.words, query.any_leaves)
        yield _Condition("id IN (SELECT rowid FROM words WHERE words MATCH ?)", (tokens,))
    if query.amount is not None:
        yield _within("amount", query.amount)
    for key, bounds in query.numbers:
        number = _within("number", bounds)
        sql = f"id IN (SELECT id FROM numbers WHERE tenant = ? AND key = ? AND {number.sql})"  # noqa: S608
        yield _Condition(sql, (query.tenant, key, *number.parameters))


def _places(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _any(conditions: Sequence[_Condition]) -> _Condition:
    joined = " OR ".join(condition.sql for condition in conditions)
    parameters = tuple(value for condition in conditions for value in condition.parameters)
    return _Condition(f"({joined})" if len(conditions) > 1 else joined, parameters)


def _within(column: str, bounds: Range) -> _Condition:
    least, most = bounds.least, bounds.most
    conditions = [
        *([_Condition(f"{column} >= ?", (least,))] if least is not None else []),
        *([_Condition(f"{column} <= ?", (most,))] if most is not None else []),
    ]
    return _where(conditions or [_Condition(f"{column} IS NOT NULL")])


def _action(pattern: str) -> _Condition:
    if "*" not in pattern:
        return _Condition("action = ?", (pattern,))
    # In GLOB, unlike in LIKE, case matters; what else it knows beside * stands in a class of its own.
    return _Condition("action GLOB ?", (pattern.replace("[", "[[]").replace("?", "[?]"),))


def _after(query: Query) -> Iterator[_Condition]:
    if query.after is not None:
        compare = "<" if query.order == "desc" else ">"
        place = (bound_ns(query.after.time_ns), query.after.event_id)
        yield _Condition(f"({_time(query)}, event_id) {compare} (?, ?)", place)


# Without statistics SQLite likes best to walk through all entries in the order asked for. A plus before a column
# keeps it from doing so where something else finds the few that matter.


def _time(query: Query) -> str:
    column = "event_ns" if query.time == "event" else "received_ns"
    selective = query.time == "received" and any(getattr(query, field) is not None for field in SELECTIVE)
    return f"+{column}" if selective or _by_row(query) else column


def _by_row(query: Query) -> bool:
    """Whether another table names the rows to look at."""
    return bool(query.related or query.words or query.leaves or query.numbers)
