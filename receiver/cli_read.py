"""The commands that ask: ``search``, ``show``, ``trace``, ``history``; through the API, as anyone else would.

Exit codes: 0 found, 1 nothing found, 2 a wrong call, 3 the server was not reached or refused.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn

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


def search(filters: Filters = None, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Find entries, newest first. Filters are those of `GET /entries`."""
    answer = _get(url, token, "/entries", _pairs(filters or []))
    _show(answer, as_json, _entry_table)
    raise typer.Exit(FOUND if answer["entries"] else NOTHING)


def show(event_id: str, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:
    """Everything known of one entry."""
    _show(_get(url, token, f"/entries/{event_id}"), as_json, _entry_facts)


def trace(
    identity: Annotated[str, typer.Argument(help="a trace id, or the id of an entry")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """The spans of a trace as a tree, with the audit entries where they happened."""
    path = f"/entries/{identity}/trace" if "-" in identity else f"/traces/{identity}"
    _show(_get(url, token, path), as_json, _span_tree)


def history(
    resource_type: str, resource_id: str, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False
) -> None:
    """What became of a resource, oldest first: who changed it, when, and what."""
    _show(_get(url, token, f"/resources/{resource_type}/{resource_id}/history"), as_json, _history_table)


# -- asking


def _get(url: str, token: str | None, path: str, parameters: Mapping[str, str] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{url.rstrip('/')}/api/v1{path}"
    try:
        answer = httpx.get(address, params=parameters, headers=headers, timeout=TIMEOUT_S)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        _end(UNREACHED, f"{url} is not reached: {error}")
    if answer.status_code != 200:
        _end(_EXIT.get(answer.status_code, UNREACHED), _detail(answer))
    return answer.json()


_EXIT = {400: WRONG, 404: NOTHING}


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"


def _pairs(filters: list[str]) -> dict[str, str]:
    wrong = [each for each in filters if "=" not in each]
    if wrong:
        _end(WRONG, f"a filter is name=value, not {', '.join(wrong)}")
    return {name: value for name, _, value in (each.partition("=") for each in filters)}


def _end(code: int, message: str) -> NoReturn:
    _err.print(Text(message))
    raise typer.Exit(code)


# -- showing


def _show(answer: Any, as_json: bool, draw: Callable[[Any], Any]) -> None:
    if as_json:
        _out.print_json(data=answer)
        return
    _out.print(draw(answer))
    for warning in answer.get("warnings", ()):
        _err.print(Text(f"warning: {warning}", style="yellow"))
    if answer.get("next_cursor"):
        _err.print(Text(f"more with cursor={answer['next_cursor']}"))


_COLOR = {"success": "green", "failure": "red", "unknown": "yellow"}


def _entry_table(answer: Any) -> Table:
    table = Table("time", "service", "what happened", "trace", "entry", box=None, header_style="bold")
    for entry in answer["entries"]:
        told = Text(entry["message"], style=_COLOR[entry["outcome"]])
        table.add_row(entry["timestamp"], entry["service_name"] or "", told, entry["trace_id"] or "", entry["event_id"])
    return table


def _entry_facts(entry: Any) -> Table:
    table = Table(show_header=False, box=None)
    for name, value in entry.items():
        if value not in (None, [], {}):
            table.add_row(Text(name, style="bold"), Text(value if isinstance(value, str) else _json(value)))
    return table


def _history_table(answer: Any) -> Table:
    table = Table("time", "who", "from where", "action", "changes", "why", box=None, header_style="bold")
    for entry in answer["entries"]:
        who = " ".join(filter(None, (entry["actor_type"], entry["user_id"])))
        table.add_row(
            entry["timestamp"],
            who,
            entry["ip_address"] or "",
            Text(entry["action"], style=_COLOR[entry["outcome"]]),
            _json(entry["changes"]) if entry["changes"] else "",
            entry["reason"] or entry["error_message"] or "",
        )
    table.caption = f"state: {_json(answer['state'])}"
    return table


def _span_tree(answer: Any) -> Tree:
    """Spans under their parents; entries under their spans, or at the root where the span is not there."""
    root = Tree(f"trace {answer['trace_id']}")
    spans = {span["span_id"]: span for span in answer["spans"]}
    branches: dict[str, Tree] = {}

    def branch(span_id: str) -> Tree:
        if span_id not in branches:
            span = spans[span_id]
            above = span["parent_span_id"]
            known = above in spans
            branches[span_id] = root  # where a loop of parents ends
            branches[span_id] = (branch(above) if known else root).add(_span_line(span))
        return branches[span_id]

    for span_id in spans:
        branch(span_id)
    for entry in answer["entries"]:
        place = branches.get(entry["span_id"], root)
        place.add(Text(f"● {entry['message']}  {entry['event_id']}", style=_COLOR[entry["outcome"]]))
    return root


def _span_line(span: Any) -> Text:
    line = Text(f"{span['service'] or '?'}  {span['name']}  {span['duration_ns'] / 1e6:.1f} ms")
    if span["error"]:
        line.append(f"  {span['error']['type'] or 'error'}: {span['error']['message'] or ''}", style="red")
    return line


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
