"""``otel-audit reindex`` and ``init``: the index made anew, and set up."""

from pathlib import Path
from typing import Annotated

import typer

from receiver import config
from receiver.cli_ask import (
    DEFAULT_URL,
    FOUND,
    NOTHING,
    UNREACHED,
    WRONG,
    AsJson,
    Token,
    Url,
    end,
    facts,
    json_text,
    post,
    say,
)
from receiver.cli_ask import show as show_answer
from receiver.cli_wait import wait_for
from receiver.errors import Damaged, Unavailable, WrongSettings


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("reindex")(reindex)
    app.command("init")(init)


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


def init(
    config_file: Annotated[Path | None, typer.Option("--config", help="The settings, otel-audit.yaml.")] = None,
    print_roles: Annotated[bool, typer.Option("--print-roles", help="only print the roles, as JSON")] = False,
    shared: Annotated[bool, typer.Option("--shared", help="roles for several receivers in one namespace")] = False,
) -> None:
    """Set up Elasticsearch: the templates and the index of cursors. A repeat changes nothing.

    Exit codes: 0 set up, 1 something on the server stands in the way, 2 the settings cannot be used, 3 the server does
    not answer or does not let this user.
    """
    from receiver.index.roles import roles

    try:
        settings = config.load(config_file)
    except WrongSettings as error:
        end(WRONG, "\n".join(error.problems))
    if print_roles:
        typer.echo(json_text(roles(settings.index.namespace, shared=shared), indented=True))
        return
    if settings.index.url == "sqlite":
        say("index.url is sqlite: there is nothing to set up")
        return
    _set_up(settings)
    say(f"set up for namespace {settings.index.namespace}; see otel-audit init --print-roles")


def _set_up(settings: config.Settings) -> None:
    from receiver.setup import set_up

    try:
        set_up(settings)
    except Unavailable as error:
        end(UNREACHED, str(error))
    except Damaged as error:
        end(NOTHING, str(error))
