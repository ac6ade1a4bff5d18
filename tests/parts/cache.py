"""Where fetched and built parts are kept between runs."""

import os
import tempfile
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
