"""``otel-audit deadletter``: what was received and is in no answer; through the API, as anyone else would."""

from typing import Annotated, Any

import typer
from rich.table import Table

from receiver.cli_ask import DEFAULT_URL, FOUND, NOTHING, AsJson, Token, Url, end, facts, get, part, plain, post, say
from receiver.cli_ask import show as show_answer
from receiver.cli_wait import wait_for

deadletter = typer.Typer(no_args_is_help=True, help="What was received and is in no answer, and what is done about it.")

Id = Annotated[str, typer.Argument(help="as `list` shows it")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(deadletter, name="deadletter")


@deadletter.command("list")
def list_letters(
    kind: Annotated[str | None, typer.Option(help="quarantined (in the journal) or refused (by the index)")] = None,
    cursor: Annotated[str | None, typer.Option(help="where the page before ended")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """The latest first. 0 when there are some, 1 when none."""
    asked = [(name, value) for name, value in (("kind", kind), ("cursor", cursor)) if value is not None]
    answer = get(url, token, "/deadletter", asked)
    show_answer(answer, as_json, _table)
    raise typer.Exit(FOUND if answer["letters"] else NOTHING)


@deadletter.command()
def show(id: Id, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:  # noqa: A002
    """Everything that can be shown of one."""
    show_answer(get(url, token, f"/deadletter/{part(id)}"), as_json, facts)


@deadletter.command()
def retry(id: Id, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False) -> None:  # noqa: A002
    """Read it again, or put it into the index again, and wait for what comes of it. 1 when it is still refused."""
    asked = post(url, token, f"/deadletter/{part(id)}/retry")
    request = wait_for(url, token, asked["request"])
    show_answer(request, as_json, facts)
    if request["state"] == "failed":
        end(NOTHING, f"still refused: {request['reason']}")


@deadletter.command()
def drop(
    id: Id,  # noqa: A002
    reason: Annotated[str, typer.Option(help="why; it stands on the entry about the drop")],
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Hide it from the list. The journal keeps it, and who dropped it, and why."""
    post(url, token, f"/deadletter/{part(id)}/drop", {"reason": reason})
    say(f"dropped {id}")


def _table(answer: Any) -> Table:
    table = Table("id", "kind", "received", "service", "name", "why", box=None, header_style="bold")
    for letter in answer["letters"]:
        named = (letter["kind"], letter["received_at"], letter["service"], letter["name"], letter["reason"])
        table.add_row(letter["id"], *map(plain, named))
    return table
