"""The commands that ask (``search``, ``show``, ``trace``, ``history`` …), through the API, as anyone else would.

Exit codes: 0 found, 1 nothing found, 2 a wrong call, 3 the server was not reached or refused.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import httpx
import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

FOUND, NOTHING, WRONG, UNREACHED = 0, 1, 2, 3

DEFAULT_URL = "http://127.0.0.1:4321"
TIMEOUT_S = 30.0

_out = Console()
_err = Console(stderr=True)

Url = Annotated[str, typer.Option("--url", envvar="OTEL_AUDIT_API_URL", help="address of the API")]
Token = Annotated[str | None, typer.Option("--token", envvar="OTEL_AUDIT_API_TOKEN", help="bearer token")]
AsJson = Annotated[bool, typer.Option("--json", help="the API's answer as it is")]
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
    path = "/entries" if name is None else f"/searches/{_part(name)}"
    answer = _get(url, token, path, _pairs(filters or []))
    _show(answer, as_json, _entry_table)
    raise typer.Exit(FOUND if answer["entries"] else NOTHING)


def searches(url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """The named searches, and what each has to be told."""
    _show(_get(url, token, "/searches"), as_json, _search_table)


def show(event_id: str, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Everything known of one entry."""
    _show(_get(url, token, f"/entries/{_part(event_id)}"), as_json, _entry_facts)


def trace(
    identity: Annotated[str, typer.Argument(help="a trace id, or the id of an entry")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """The spans of a trace as a tree, with the audit entries where they happened."""
    path = f"/entries/{_part(identity)}/trace" if "-" in identity else f"/traces/{_part(identity)}"
    _show(_get(url, token, path), as_json, _span_tree)


def history(
    resource_type: str,
    resource_id: str,
    at: Annotated[str | None, typer.Option(help="up to this moment, RFC 3339")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """What became of a resource, oldest first: who changed it, when, and what."""
    path = f"/resources/{_part(resource_type)}/{_part(resource_id)}/history"
    _show(_get(url, token, path, [("at", at)] if at is not None else []), as_json, _history_table)


def journey(
    kind: Annotated[str, typer.Argument(help="order, cart, payment, user, session …")],
    identity: str,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """One order's life over all its traces: every step, and how long nothing happened before it."""
    _show(_get(url, token, f"/journeys/{_part(kind)}/{_part(identity)}"), as_json, _journey_table)


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
    answer = _get(url, token, "/completeness", asked)
    _show(answer, as_json, _stream_table)
    raise typer.Exit(FOUND if answer["streams"] else NOTHING)


# -- asking


def _get(url: str, token: str | None, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{url.rstrip('/')}/api/v1{path}"
    try:
        answer = httpx.get(address, params=list(parameters), headers=headers, timeout=TIMEOUT_S)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        _end(UNREACHED, f"{url} is not reached: {error}")
    if answer.status_code != 200:
        _end(_EXIT.get(answer.status_code, UNREACHED), _detail(answer))
    try:
        return answer.json()
    except ValueError:
        _end(UNREACHED, f"{url} is not the API of otel-audit")


def _part(text: str) -> str:
    """*text* as one part of a path, whatever it holds."""
    return quote(text, safe="")


_EXIT = {400: WRONG, 404: NOTHING}


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"


def _pairs(filters: list[str]) -> list[tuple[str, str]]:
    wrong = [each for each in filters if "=" not in each]
    if wrong:
        _end(WRONG, f"a filter is name=value, not {', '.join(wrong)}")
    return [(name, value) for name, _, value in (each.partition("=") for each in filters)]


def _end(code: int, message: str) -> NoReturn:
    _err.print(_plain(message))
    raise typer.Exit(code)


# -- showing


def _show(answer: Any, as_json: bool, draw: Callable[[Any], Any]) -> None:
    if as_json:
        _out.print_json(data=answer)
        return
    _out.print(draw(answer))
    for warning in answer.get("warnings", ()):
        _err.print(_plain(f"warning: {warning}", "yellow"))
    if answer.get("next_cursor"):
        _err.print(Text(f"more with cursor={answer['next_cursor']}"))


_COLOR = {"success": "green", "failure": "red", "unknown": "yellow"}


def _entry_table(answer: Any) -> Table:
    table = Table("time", "service", "what happened", "trace", "entry", box=None, header_style="bold")
    for entry in answer["entries"]:
        told = _plain(entry["message"], _COLOR[entry["outcome"]])
        service, trace_id = _plain(entry["service_name"]), _plain(entry["trace_id"])
        table.add_row(_plain(entry["timestamp"]), service, told, trace_id, _plain(entry["event_id"]))
    return table


def _search_table(answer: Any) -> Table:
    table = Table("name", "finds", "needs", "takes", box=None, header_style="bold")
    for each in answer["searches"]:
        table.add_row(each["name"], each["title"], ", ".join(each["required"]), ", ".join(each["optional"]))
    return table


def _entry_facts(entry: Any) -> Table:
    table = Table(show_header=False, box=None)
    for name, value in entry.items():
        if value not in (None, [], {}):
            table.add_row(Text(name, style="bold"), _plain(value if isinstance(value, str) else _json(value)))
    return table


def _history_table(answer: Any) -> Table:
    table = Table("time", "who", "from where", "action", "changes", "why", box=None, header_style="bold")
    broken = {each["event_id"]: each for each in answer["breaks"]}
    for entry in answer["entries"]:
        if (found := broken.get(entry["event_id"])) is not None:
            unrecorded = f"{_json(found['expected'])} ▶ {_json(found['found'])}"
            table.add_row("", "nobody recorded", "", "", _plain(unrecorded), "", style="bold red")
        table.add_row(
            _plain(entry["timestamp"]),
            _plain(" ".join(filter(None, (entry["actor_type"], entry["user_id"])))),
            _plain(entry["ip_address"]),
            _plain(entry["action"], _COLOR[entry["outcome"]]),
            _plain(_json(entry["changes"]) if entry["changes"] else None),
            _plain(entry["reason"] or entry["error_message"]),
        )
    table.caption = _plain(f"state: {_json(answer['state'])}")
    return table


def _journey_table(answer: Any) -> Table:
    table = Table("time", "after", "service", "what happened", "trace", box=None, header_style="bold")
    for step in answer["timeline"]:
        told = _plain(step["message"], _COLOR[step["outcome"]])
        after, trace_id = f"{step['gap_ms'] / 1000:.3f} s", _plain(step["trace_id"])
        table.add_row(_plain(step["timestamp"]), after, _plain(step["service_name"]), told, trace_id)
    for each in answer["abandoned"]:
        table.add_row(_plain(each["at"]), "", "", _plain("the checkout was abandoned", "yellow"), "")
    return table


def _stream_table(answer: Any) -> Table:
    table = Table(
        "service", "stream", "last seen", "received", "missing", "reported lost", box=None, header_style="bold"
    )
    for stream in answer["streams"]:
        ranges = stream["missing"] or stream["waiting"]
        table.add_row(
            _plain(stream["service"]),
            _plain(stream["source_id"]),
            _plain(stream["last_seen"]),
            f"{stream['received']} of {stream['last']}",
            ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in ranges),
            _plain(", ".join(f"{reason} {count}" for reason, count in stream["reported_lost"].items())),
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
        place.add(_plain(f"● {entry['message']}  {entry['event_id']}", _COLOR[entry["outcome"]]))
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
    line = _plain(f"{span['service'] or '?'}  {span['name']}  {span['duration_ns'] / 1e6:.1f} ms")
    if span["error"]:
        line.append_text(_plain(f"  {span['error']['type'] or 'error'}: {span['error']['message'] or ''}", "red"))
    return line


def _plain(text: str | None, style: str = "") -> Text:
    """*text* without markup and without what would steer the terminal: whoever is audited chose it."""
    return Text("".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text or ""), style)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
