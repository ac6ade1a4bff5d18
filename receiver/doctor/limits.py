"""Limits of the system and of the OpenTelemetry SDKs that run in this environment."""

import resource
from collections.abc import Iterator, Mapping

from receiver.config import Settings
from receiver.doctor.finding import Finding, Level, fine

#: Files, sockets to stores and backends, and what a library opens besides.
OTHER_FILES = 256

_CUTS = ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT")
#: Variable ▶ what an SDK does without it, what it limits.
_COUNTS = {
    "OTEL_SPAN_EVENT_COUNT_LIMIT": (128, "events of a span"),
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": (128, "attributes of an event"),
    "OTEL_ATTRIBUTE_COUNT_LIMIT": (128, "attributes"),
}
_HINT = "record through the otel_audit SDK, whose events travel on spans of their own, or unset it in the service"


def open_files(settings: Settings, limit: int | None = None) -> Finding:
    """Whether every connection that the settings allow can be opened."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    needed = settings.otlp.grpc_in_flight_max + settings.otlp.http_in_flight_max + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= 2 * needed:
        return fine("open files", f"up to {soft} files may be open")
    level: Level = "warning" if soft >= needed else "error"
    message = f"only {soft} files may be open; the settings allow about {needed} connections and files"
    return Finding("open files", level, message, f"raise it: ulimit -n {4 * needed}, or LimitNOFILE= of the service")


def file_size(limit: int | None = None) -> Finding:
    """Whether the journal may grow."""
    soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0] if limit is None else limit
    if soft == resource.RLIM_INFINITY:
        return fine("file size", "files may grow as the disk allows")
    message = f"a file may grow to {soft} bytes; from then on every sender is told to come again"
    return Finding("file size", "warning", message, "ulimit -f unlimited, or LimitFSIZE= of the service")


def sdk_limits(environ: Mapping[str, str]) -> list[Finding]:
    """Variables of this environment by which an SDK cuts events, and says nothing of it."""
    return [*_cuts(environ), *_counts(environ)] or [fine("SDK limits", "no variable here makes an SDK cut events")]


def _cuts(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in _CUTS:
        if environ.get(name):
            message = f"{name}={environ[name]}: an SDK cuts longer values of events, and nothing tells that it did"
            yield Finding("SDK limits", "warning", message, _HINT)


def _counts(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, (default, what) in _COUNTS.items():
        value = environ.get(name, "")
        if value.isdecimal() and int(value) < default:
            message = f"{name}={value}: an SDK keeps so many {what}, and drops others, the oldest events first"
            yield Finding("SDK limits", "warning", message, _HINT)
