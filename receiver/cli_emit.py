"""``otel-audit emit``: one event from a shell, a scheduled job or a pipeline.

The one command that is a sender: it records with the SDK, as any service does.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from opentelemetry import context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import otel_audit
from otel_audit.entry import ActorType
from receiver.cli_ask import FOUND, NOTHING, WRONG, AsJson, end, json_text

#: What is read of a file or of standard input, at most.
READ_MAX_BYTES = 8 * 1024 * 1024

State = Annotated[str | None, typer.Option(help="JSON, @file, or - for standard input")]


def register(app: typer.Typer) -> None:
    """Add ``emit`` to *app*."""
    app.command("emit")(emit)


def emit(
    action: Annotated[str, typer.Argument(help="resource.action.result, such as deployment.finish.success")],
    resource: Annotated[str | None, typer.Option(help="what was acted on, type:id")] = None,
    before: State = None,
    after: State = None,
    reason: Annotated[str | None, typer.Option(help="why")] = None,
    metadata: Annotated[list[str] | None, typer.Option("--metadata", "-m", help="key=value, again and again")] = None,
    user_id: Annotated[str | None, typer.Option("--user", help="who acted")] = None,
    actor_type: Annotated[str, typer.Option(help="user, staff, service or system")] = "system",
    service: Annotated[str | None, typer.Option(help="the service that speaks; default OTEL_SERVICE_NAME")] = None,
    endpoint: Annotated[str | None, typer.Option(help="the receiver's OTLP; default OTEL_AUDIT_ENDPOINT")] = None,
    token: Annotated[str | None, typer.Option(envvar="OTEL_AUDIT_TOKEN", help="the sender's bearer token")] = None,
    timeout_s: Annotated[float, typer.Option(help="longest wait for the receipt, in seconds")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Record one event; returns when the receiver has it on disk. It stands in the trace of TRACEPARENT, where set.

    Exit codes: 0 it is stored, 1 it is not, 2 the call is wrong.
    """
    said: dict[str, Any] = {
        "resource": _resource(resource),
        "before": _state("before", before),
        "after": _state("after", after),
        "reason": reason,
        "metadata": dict(_pair(each) for each in metadata or ()),
        "user_id": user_id,
        "actor_type": _actor(actor_type),
    }
    try:
        otel_audit.configure(
            service_name=service or os.environ.get("OTEL_SERVICE_NAME") or "otel-audit-emit",
            endpoint=endpoint,
            headers={"authorization": f"Bearer {token}"} if token else None,
            guarantee="enforced",
            enforced_timeout_s=timeout_s,
            mode="development",
        )
        with _trace_of_environment():
            recorded = otel_audit.record(action, **said)
    except otel_audit.AuditNotStored as error:
        end(NOTHING, f"not stored: {error}")
    except (otel_audit.InvalidEvent, otel_audit.NotConfigured) as error:
        end(WRONG, str(error))
    finally:
        otel_audit.shutdown(0)
    typer.echo(json_text(recorded._asdict()) if as_json else recorded.event_id)
    raise typer.Exit(FOUND)


def _resource(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    kind, colon, identity = text.partition(":")
    if not (kind and colon and identity):
        end(WRONG, f"--resource must be type:id, not {text!r}")
    return kind, identity


def _state(name: str, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return orjson.loads(_text(text))
    except (OSError, orjson.JSONDecodeError) as error:
        end(WRONG, f"--{name} is not JSON that can be read: {error}")


def _text(said: str) -> str | bytes:
    if said == "-":
        return _bounded(sys.stdin.buffer.read(READ_MAX_BYTES + 1))
    if said.startswith("@"):
        with Path(said[1:]).open("rb") as file:
            return _bounded(file.read(READ_MAX_BYTES + 1))
    return said


def _bounded(read: bytes) -> bytes:
    if len(read) > READ_MAX_BYTES:
        raise OSError(f"it has more than {READ_MAX_BYTES} bytes")
    return read


def _pair(text: str) -> tuple[str, Any]:
    """``key=value``; what reads as JSON (a number, a boolean, a list) is that, all else is text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        end(WRONG, f"--metadata must be key=value, not {text!r}")
    try:
        return key, orjson.loads(value)
    except orjson.JSONDecodeError:
        return key, value


def _actor(text: str) -> ActorType:
    if text not in ("user", "staff", "service", "system", "anonymous"):
        end(WRONG, f"--actor-type must be user, staff, service, system or anonymous, not {text!r}")
    return text  # type: ignore[return-value]


@contextmanager
def _trace_of_environment() -> Iterator[None]:
    """The trace that a pipeline's tools hand on in TRACEPARENT."""
    carrier = {"traceparent": os.environ.get("TRACEPARENT", "")}
    token = context.attach(TraceContextTextMapPropagator().extract(carrier))
    try:
        yield
    finally:
        context.detach(token)
