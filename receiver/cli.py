"""``otel-audit``: the command line."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from receiver import cli_deadletter, cli_doctor, cli_emit, cli_index, cli_read, config
from receiver.config import Address, Settings
from receiver.errors import WrongSettings
from receiver.supervisor import WRONG_SETTINGS, Supervisor

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="An audit log that rides on OpenTelemetry.", rich_markup_mode=None
)
for commands in (cli_read, cli_emit, cli_deadletter, cli_doctor, cli_index):
    commands.register(app)


class Part(StrEnum):
    """The processes of a receiver."""

    ACCEPT = "accept"
    FOLLOW = "follow"
    ANSWER = "answer"


@app.callback()
def _root() -> None:
    """An audit log that rides on OpenTelemetry."""


@app.command()
def serve(
    part: Annotated[Part | None, typer.Argument(help="One process alone; all of them when left out.")] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="The settings, otel-audit.yaml.")] = None,
    until_stdin_ends: Annotated[bool, typer.Option("--until-stdin-ends", hidden=True)] = False,
) -> None:
    """Run the receiver until SIGTERM or Ctrl-C.

    Exit codes: 0 ended as asked, 1 something had to be killed, 2 the settings cannot be used.
    """
    from receiver.app import life, log

    try:
        settings = config.load(config_file)
        log.to_stderr("serve" if part is None else part.value)
        if until_stdin_ends:
            life.end_with_stdin()
        code = _serve_all(settings, config_file) if part is None else _serve_one(part, settings)
    except WrongSettings as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(WRONG_SETTINGS) from error
    raise typer.Exit(code)


def _serve_all(settings: Settings, config_file: Path | None) -> int:
    command = [sys.executable, "-m", "receiver.cli", "serve", "--until-stdin-ends"]
    if config_file is not None:
        command += ["--config", str(config_file)]
    commands = {part.value: [*command, part.value] for part in Part}
    return Supervisor(commands, settings.data_dir, lambda states: typer.echo(_ready(settings, states))).run()


def _serve_one(part: Part, settings: Settings) -> int:
    if part is Part.ACCEPT:
        from receiver.app.accept import serve_accept

        serve_accept(settings)
    elif part is Part.FOLLOW:
        from receiver.app.follow import serve_follow

        serve_follow(settings)
    else:
        from receiver.app.answer import serve_answer

        serve_answer(settings)
    return 0


def _ready(settings: Settings, states: dict[str, Any]) -> str:
    """The one line that says where everything is."""
    accept, answer = states["accept"]["ports"], states["answer"]["ports"]
    grpc, http, api = (Address(a) for a in (settings.otlp.grpc, settings.otlp.http, settings.api.listen))
    return (
        f"ready: OTLP gRPC {_at(grpc, accept['grpc'])}, OTLP HTTP http://{_at(http, accept['http'])}/v1/traces, "
        f"API http://{_at(api, answer['api'])}"
    )


def _at(address: Address, port: int) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{port}"


def main() -> None:
    """The entry point ``otel-audit``."""
    app()


if __name__ == "__main__":
    main()
