"""Where fetched and built parts are kept between runs."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """A directory that outlives a run and that other users can read.

    Elasticsearch refuses to run as root, so where root runs the tests another user must reach the files;
    root's own home is closed to it.
    """
    chosen = os.environ.get("OTEL_AUDIT_TEST_CACHE")
    if chosen:
        path = Path(chosen)
    elif os.getuid() == 0:
        path = Path(tempfile.gettempdir()) / "otel-audit-cache-0"
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "otel-audit"
    path.mkdir(parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user; name another one in OTEL_AUDIT_TEST_CACHE")
    path.chmod(0o755)
    return path


@contextmanager
def fetching(name: str) -> Iterator[Path]:
    """Where the part *name* is, or is to be put while the block runs: of several test processes one fetches it."""
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache() / name
