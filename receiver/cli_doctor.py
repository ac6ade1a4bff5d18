"""``otel-audit doctor``: what is wrong, or will be; and the repair of a damaged journal.

Exit codes: 0 all is fine, 1 there are warnings, 2 there are errors, or the settings cannot be used.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from receiver import config
from receiver.doctor.finding import Finding, Level
from receiver.errors import ReceiverError, WrongSettings

CODES: dict[Level, int] = {"fine": 0, "warning": 1, "error": 2}
_STYLES: dict[Level, str] = {"fine": "green", "warning": "yellow", "error": "red"}

_out = Console()


def register(app: typer.Typer) -> None:
    """Add ``doctor`` to *app*."""
    app.command("doctor")(doctor)


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Make a damaged journal sound again; the receiver must be stopped.")
    ] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Read every row of the journal, not its end alone.")] = False,
    config_file: Annotated[Path | None, typer.Option("--config", help="The settings, otel-audit.yaml.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what is wrong, or will be, before it costs an event.

    Exit codes: 0 all is fine, 1 there are warnings, 2 there are errors.
    """
    from receiver.doctor.examination import examine  # the index's clients: too heavy for each start of serve
    from receiver.doctor.journal import mend

    try:
        settings = config.load(config_file)
        found = [mend(settings)] if repair else list(examine(settings, os.environ, whole=whole))
    except WrongSettings as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(CODES["error"]) from error
    except ReceiverError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(CODES["error"]) from error
    if as_json:
        typer.echo(orjson.dumps({"findings": found}, option=orjson.OPT_INDENT_2).decode())
    else:
        _out.print(_table(found))
    raise typer.Exit(max(CODES[each.level] for each in found))


def _table(found: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "check", "what is so", "what to do"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(Text(each.level, _STYLES[each.level]), Text(each.name), Text(each.message), Text(each.hint))
    return table
