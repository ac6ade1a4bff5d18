"""Asking the API from the shell, as anyone else would, and showing what it answers.

Exit codes: 0 found, 1 nothing found, 2 a wrong call, 3 the server was not reached or refused.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import httpx
import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

FOUND, NOTHING, WRONG, UNREACHED = 0, 1, 2, 3

DEFAULT_URL = "http://127.0.0.1:4321"
TIMEOUT_S = 30.0

_out = Console()
_err = Console(stderr=True)

Url = Annotated[str, typer.Option("--url", envvar="OTEL_AUDIT_API_URL", help="address of the API")]
Token = Annotated[str | None, typer.Option("--token", envvar="OTEL_AUDIT_API_TOKEN", help="bearer token")]
AsJson = Annotated[bool, typer.Option("--json", help="the API's answer as it is")]

_EXIT = {400: WRONG, 404: NOTHING}


def get(url: str, token: str | None, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Any:
    """The answer of a call that reads; the process ends, saying why, where there is none."""
    return _answer(_call("GET", url, token, path, params=list(parameters)), url)


def look_for(url: str, token: str | None, path: str) -> Any | None:
    """The same, or None where there is no such thing yet."""
    answer = _call("GET", url, token, path)
    return None if answer.status_code == 404 else _answer(answer, url)


def post(url: str, token: str | None, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The answer of a call that asks for something to be done."""
    return _answer(_call("POST", url, token, path, json=body), url)


def part(text: str) -> str:
    """*text* as one part of a path, whatever it holds."""
    return quote(text, safe="")


def end(code: int, message: str) -> NoReturn:
    """Say so on standard error, and end with that exit code."""
    _err.print(plain(message))
    raise typer.Exit(code)


def show(answer: Any, as_json: bool, draw: Callable[[Any], Any]) -> None:
    """The answer as it is, or drawn, with its warnings."""
    if as_json:
        _out.print_json(data=answer)
        return
    _out.print(draw(answer))
    for warning in answer.get("warnings", ()):
        _err.print(plain(f"warning: {warning}", "yellow"))
    if answer.get("next_cursor"):
        _err.print(Text(f"more with cursor={answer['next_cursor']}"))


def say(message: str) -> None:
    """A line on standard error, beside the answer."""
    _err.print(plain(message))


def plain(text: str | None, style: str = "") -> Text:
    """*text* without markup and without what would steer the terminal: whoever is audited chose it."""
    return Text("".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text or ""), style)


def json_text(value: Any) -> str:
    """*value* as JSON."""
    return orjson.dumps(value).decode()


def facts(answer: Mapping[str, Any]) -> Table:
    """What is told of one thing: a line for each field that has something to tell."""
    table = Table(show_header=False, box=None)
    for name, value in answer.items():
        if value not in (None, [], {}):
            table.add_row(Text(name, style="bold"), plain(value if isinstance(value, str) else json_text(value)))
    return table


def _call(method: str, url: str, token: str | None, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        return httpx.request(method, f"{url.rstrip('/')}/api/v1{path}", headers=headers, timeout=TIMEOUT_S, **more)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        end(UNREACHED, f"{url} is not reached: {error}")


def _answer(answer: httpx.Response, url: str) -> Any:
    if not answer.is_success:
        end(_EXIT.get(answer.status_code, UNREACHED), _detail(answer))
    try:
        return answer.json()
    except ValueError:
        end(UNREACHED, f"{url} is not the API of otel-audit")


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"
