"""``otel-audit reindex`` and ``init``: the index made anew, and set up."""

from typing import Annotated

import typer

from receiver.cli_ask import DEFAULT_URL, FOUND, AsJson, Token, Url, facts, post
from receiver.cli_ask import show as show_answer
from receiver.cli_wait import wait_for


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("reindex")(reindex)


def reindex(
    partition: Annotated[str | None, typer.Option(help="one partition alone, such as 2026.11 or outlier")] = None,
    wait: Annotated[bool, typer.Option(help="until it is done")] = True,
    url: Url = DEFAULT_URL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Make the index anew from the journal while everything goes on; answers warn meanwhile."""
    asked = post(url, token, "/reindex", {"partition": partition})
    if not wait:
        show_answer(asked, as_json, facts)
        raise typer.Exit(FOUND)
    show_answer(wait_for(url, token, asked["request"]), as_json, facts)
