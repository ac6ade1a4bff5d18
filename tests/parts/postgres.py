"""A real PostgreSQL for the tests: Debian's, or one that Maven fetches; started for a run, stopped afterwards."""

import contextlib
import io
import os
import platform
import pwd
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.parts.cache import cache, fetching
from tests.parts.missing import CannotBeHad

_VERSION = "15.10.0"
_MACHINE = {"x86_64": "amd64", "aarch64": "arm64v8"}.get(platform.machine(), platform.machine())
_ARTIFACT = f"io.zonky.test.postgres:embedded-postgres-binaries-linux-{_MACHINE}:{_VERSION}:jar"
_START_MAX_S = 30


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of a fresh PostgreSQL (libpq's form, over a socket), gone when the block ends."""
    programs = _programs()
    work = Path(tempfile.mkdtemp(prefix="otel-audit-pg-"))  # short, for a socket's path has to be
    try:
        unprivileged = _unprivileged(work)
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
            url = f"postgresql://audit@/postgres?host={work}"
            _wait(url, work / "log", server)
            yield url
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _programs() -> Path:
    """Where the server's programs are: Debian's, which are not in the path, or Maven's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else _fetched()


def _fetched() -> Path:
    """The same PostgreSQL, packed for Maven, where no package is installed; downloaded the first time."""
    with fetching(f"postgresql-{_VERSION}") as home:
        if not home.exists():
            if shutil.which("mvn") is None:
                raise CannotBeHad("PostgreSQL cannot be had: install Debian's package postgresql, or Maven (mvn)")
            with tempfile.TemporaryDirectory(dir=cache()) as scratch:
                _fetch(Path(scratch))
                # A rename makes it appear whole or not at all, whatever interrupts us.
                (Path(scratch) / "unpacked").rename(home)
            home.chmod(0o755)
        return home / "bin"


def _fetch(scratch: Path) -> None:
    fetched = subprocess.run(
        ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={scratch}"],
        capture_output=True, text=True, timeout=540,
    )  # fmt: skip
    archives = list(scratch.glob("*.jar"))
    if fetched.returncode != 0 or not archives:
        reason = (fetched.stdout.strip() or fetched.stderr.strip()).splitlines()[:1]
        raise CannotBeHad(f"PostgreSQL cannot be had: Maven could not fetch {_ARTIFACT}: {reason}")
    with zipfile.ZipFile(archives[0]) as jar:
        [packed] = [name for name in jar.namelist() if name.endswith(".txz")]
        with tarfile.open(fileobj=io.BytesIO(jar.read(packed)), mode="r:xz") as files:
            files.extractall(scratch / "unpacked", filter="tar")


def _unprivileged(work: Path) -> dict[str, Any]:
    """As root, whom PostgreSQL refuses, give *work* to ``nobody`` and run as that user."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(work, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _wait(url: str, log: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_MAX_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.05)
        else:
            return
