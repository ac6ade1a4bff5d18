"""The commands that ask (``search``, ``show``, ``trace``, ``history`` …), through the API, as anyone else would.

Exit codes: 0 found, 1 nothing found, 2 a wrong call, 3 the server was not reached or refused.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from receiver.cli_ask import (
    DEFAULT_URL,
    FOUND,
    NOTHING,
    WRONG,
    AsJson,
    Token,
    Url,
    end,
    facts,
    get,
    json_text,
    part,
    plain,
)
from receiver.cli_ask import show as show_answer

Filters = Annotated[
    list[str] | None, typer.Argument(help="filters as name=value, such as action=user.login.* outcome=failure")
]


def register(app: typer.Typer) -> None:
    """Add the reading commands to *app*."""
    app.command("search")(search)
    app.command("show")(show)
    app.command("trace")(trace)
    app.command("history")(history)
    app.command("journey")(journey)
    app.command("gaps")(gaps)
    app.command("searches")(searches)


def search(
    filters: Filters = None,
    name: Annotated[str | None, typer.Option("--name", help="a named search; `searches` lists them")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Find entries, newest first. Filters are those of `GET /entries`."""
    path = "/entries" if name is None else f"/searches/{part(name)}"
    answer = get(url, token, path, _pairs(filters or []))
    show_answer(answer, as_json, _entry_table)
    raise typer.Exit(FOUND if answer["entries"] else NOTHING)


def searches(url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """The named searches, and what each has to be told."""
    show_answer(get(url, token, "/searches"), as_json, _search_table)


def show(event_id: str, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Everything known of one entry."""
    show_answer(get(url, token, f"/entries/{part(event_id)}"), as_json, facts)


def trace(
    identity: Annotated[str, typer.Argument(help="a trace id, or the id of an entry")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """The spans of a trace as a tree, with the audit entries where they happened."""
    path = f"/entries/{part(identity)}/trace" if "-" in identity else f"/traces/{part(identity)}"
    show_answer(get(url, token, path), as_json, _span_tree)


def history(
    resource_type: str,
    resource_id: str,
    at: Annotated[str | None, typer.Option(help="up to this moment, RFC 3339")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """What became of a resource, oldest first: who changed it, when, and what."""
    path = f"/resources/{part(resource_type)}/{part(resource_id)}/history"
    show_answer(get(url, token, path, [("at", at)] if at is not None else []), as_json, _history_table)


def journey(
    kind: Annotated[str, typer.Argument(help="order, cart, payment, user, session …")],
    identity: str,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """One order's life over all its traces: every step, and how long nothing happened before it."""
    show_answer(get(url, token, f"/journeys/{part(kind)}/{part(identity)}"), as_json, _journey_table)


def gaps(
    service: Annotated[str | None, typer.Option(help="streams of this service only")] = None,
    state: Annotated[
        str, typer.Option(help="missing, waiting (for ten minutes after a later one) or complete")
    ] = "missing",
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Which recorded events never came, by the process that recorded them. 0 when there are some, 1 when none."""
    asked = [("state", state), *([("service", service)] if service is not None else [])]
    answer = get(url, token, "/completeness", asked)
    show_answer(answer, as_json, _stream_table)
    raise typer.Exit(FOUND if answer["streams"] else NOTHING)


def _pairs(filters: list[str]) -> list[tuple[str, str]]:
    wrong = [each for each in filters if "=" not in each]
    if wrong:
        end(WRONG, f"a filter is name=value, not {', '.join(wrong)}")
    return [(name, value) for name, _, value in (each.partition("=") for each in filters)]


# -- showing


_COLOR = {"success": "green", "failure": "red", "unknown": "yellow"}


def _entry_table(answer: Any) -> Table:
    table = Table("time", "service", "what happened", "trace", "entry", box=None, header_style="bold")
    for entry in answer["entries"]:
        told = plain(entry["message"], _COLOR[entry["outcome"]])
        service, trace_id = plain(entry["service_name"]), plain(entry["trace_id"])
        table.add_row(plain(entry["timestamp"]), service, told, trace_id, plain(entry["event_id"]))
    return table


def _search_table(answer: Any) -> Table:
    table = Table("name", "finds", "needs", "takes", box=None, header_style="bold")
    for each in answer["searches"]:
        table.add_row(each["name"], each["title"], ", ".join(each["required"]), ", ".join(each["optional"]))
    return table


def _history_table(answer: Any) -> Table:
    table = Table("time", "who", "from where", "action", "changes", "why", box=None, header_style="bold")
    broken = {each["event_id"]: each for each in answer["breaks"]}
    for entry in answer["entries"]:
        if (found := broken.get(entry["event_id"])) is not None:
            unrecorded = f"{json_text(found['expected'])} ▶ {json_text(found['found'])}"
            table.add_row("", "nobody recorded", "", "", plain(unrecorded), "", style="bold red")
        table.add_row(
            plain(entry["timestamp"]),
            plain(" ".join(filter(None, (entry["actor_type"], entry["user_id"])))),
            plain(entry["ip_address"]),
            plain(entry["action"], _COLOR[entry["outcome"]]),
            plain(json_text(entry["changes"]) if entry["changes"] else None),
            plain(entry["reason"] or entry["error_message"]),
        )
    table.caption = plain(f"state: {json_text(answer['state'])}")
    return table


def _journey_table(answer: Any) -> Table:
    table = Table("time", "after", "service", "what happened", "trace", box=None, header_style="bold")
    for step in answer["timeline"]:
        told = plain(step["message"], _COLOR[step["outcome"]])
        after, trace_id = f"{step['gap_ms'] / 1000:.3f} s", plain(step["trace_id"])
        table.add_row(plain(step["timestamp"]), after, plain(step["service_name"]), told, trace_id)
    for each in answer["abandoned"]:
        table.add_row(plain(each["at"]), "", "", plain("the checkout was abandoned", "yellow"), "")
    return table


def _stream_table(answer: Any) -> Table:
    table = Table(
        "service", "stream", "last seen", "received", "missing", "reported lost", box=None, header_style="bold"
    )
    for stream in answer["streams"]:
        ranges = stream["missing"] or stream["waiting"]
        table.add_row(
            plain(stream["service"]),
            plain(stream["source_id"]),
            plain(stream["last_seen"]),
            f"{stream['received']} of {stream['last']}",
            ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in ranges),
            plain(", ".join(f"{reason} {count}" for reason, count in stream["reported_lost"].items())),
        )
    return table


def _span_tree(answer: Any) -> Tree:
    """Spans under their parents; entries under their spans, or at the root where the span is not there."""
    root = Tree(f"trace {answer['trace_id']}")
    branches: dict[str, Tree] = {}
    for span, above in _parents_first(answer["spans"]):
        branches[span["span_id"]] = branches.get(above, root).add(_span_line(span))
    for entry in answer["entries"]:
        place = branches.get(entry["span_id"], root)
        place.add(plain(f"● {entry['message']}  {entry['event_id']}", _COLOR[entry["outcome"]]))
    return root


def _parents_first(spans: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """Every span once with its parent's id, after that parent where it is there; a loop is broken at its first span."""
    by_id = {span["span_id"]: span for span in spans}
    for first in spans:
        chain = []
        span = by_id.pop(first["span_id"], None)
        while span is not None:
            chain.append(span)
            span = by_id.pop(span["parent_span_id"], None)
        yield from ((span, span["parent_span_id"]) for span in reversed(chain))


def _span_line(span: Any) -> Text:
    line = plain(f"{span['service'] or '?'}  {span['name']}  {span['duration_ns'] / 1e6:.1f} ms")
    if span["error"]:
        line.append_text(plain(f"  {span['error']['type'] or 'error'}: {span['error']['message'] or ''}", "red"))
    return line
