"""A real PostgreSQL for the tests: Debian's, started in a directory of its own, stopped afterwards."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.parts.missing import CannotBeHad

_START_MAX_S = 30


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of a fresh PostgreSQL (libpq's form, over a socket), gone when the block ends."""
    programs = _programs()
    work = Path(tempfile.mkdtemp(prefix="otel-audit-pg-"))  # short, for a socket's path has to be
    try:
        unprivileged = _unprivileged(work)
        # Its options end the part of a test that a slow disk would take; what is tested is not PostgreSQL.
        initdb = [programs / "initdb", "-D", work / "data", "-U", "audit", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=work, timeout=60, **unprivileged)
        settings = {"listen_addresses": "", "unix_socket_directories": str(work), "max_prepared_transactions": "10"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (work / "log").open("wb") as out:
            command = [programs / "postgres", "-D", work / "data", *options]
            server = subprocess.Popen(
                command, cwd=work, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **unprivileged
            )
        try:
            _wait(programs, work, server)
            yield f"postgresql://audit@/postgres?host={work}"
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _programs() -> Path:
    """Where the server's programs are: Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("postgres")
    if elsewhere is None:
        raise CannotBeHad("PostgreSQL cannot be had: install Debian's package postgresql")
    return Path(elsewhere).parent


def _unprivileged(work: Path) -> dict[str, Any]:
    """As root, whom PostgreSQL refuses, give *work* to ``nobody`` and run as that user."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(work, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _wait(programs: Path, work: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_MAX_S
    while subprocess.run([programs / "pg_isready", "-q", "-h", work], check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"PostgreSQL did not start: {(work / 'log').read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
