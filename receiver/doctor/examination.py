"""All checks, one after the other."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from otel_audit.redact import Redactor
from receiver.clock import Clock, now_ns
from receiver.config import Settings
from receiver.doctor.clocks import against_journal
from receiver.doctor.disk import free_space, fsync, lasting
from receiver.doctor.finding import Finding
from receiver.doctor.journal import growth, journal
from receiver.doctor.limits import file_size, open_files, sdk_limits
from receiver.doctor.sampling import sampling
from receiver.doctor.secrets import secrets
from receiver.doctor.server import server

_MOUNTS = Path("/proc/self/mountinfo")


def examine(settings: Settings, environ: Mapping[str, str], *, whole: bool, clock: Clock = now_ns) -> Iterator[Finding]:
    """What is found on this machine, in *environ*, and in Elasticsearch. Changes nothing."""
    yield open_files(settings)
    yield file_size()
    yield from sdk_limits(environ)
    yield sampling(environ)
    if settings.data_dir.exists():
        yield from _directory(settings, whole, clock)
    if settings.index.url != "sqlite":
        yield from server(settings.index, clock)


def _directory(settings: Settings, whole: bool, clock: Clock) -> Iterator[Finding]:
    data_dir = settings.data_dir
    grown, newest_ns = growth(data_dir)
    yield journal(settings, whole=whole)
    yield against_journal(newest_ns, clock())
    yield free_space(data_dir, grown, settings.traces.spool_max_bytes)
    yield fsync(data_dir)
    yield lasting(data_dir, _MOUNTS.read_text() if _MOUNTS.exists() else "")
    yield secrets(data_dir / "spool", Redactor(settings.redact.rules))
