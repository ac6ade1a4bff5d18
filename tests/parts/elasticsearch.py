"""A real Elasticsearch for the tests: fetched by Maven, started on a free port, stopped afterwards."""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha1
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.parts.cache import cache, fetching
from tests.parts.missing import CannotBeHad

VERSION = "8.19.21"
_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
_PORT_LINE = re.compile(r"AbstractHttpServerTransport.*publish_address \{[^}]*:(\d+)\}")
_START_MAX_S = 120


def fetch() -> Path:
    """The unpacked distribution, downloaded the first time."""
    with fetching(f"elasticsearch-{VERSION}") as home:
        if not home.exists():
            _download(home)
        return home


def _download(home: Path) -> None:
    if shutil.which("mvn") is None:
        raise CannotBeHad("Elasticsearch cannot be had: Maven (mvn) is not installed")
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        fetched = subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={scratch}"],
            capture_output=True, text=True, timeout=540,
        )  # fmt: skip
        if fetched.returncode != 0:
            reason = (fetched.stdout.strip() or fetched.stderr.strip()).splitlines()[:1]
            raise CannotBeHad(f"Elasticsearch cannot be had: Maven could not fetch {_ARTIFACT}: {reason}")
        _unpack(Path(scratch) / f"elasticsearch-{VERSION}.zip", Path(scratch))
        # A rename makes it appear whole or not at all, whatever interrupts us.
        (Path(scratch) / home.name).rename(home)


def _unpack(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as files:
        for item in files.infolist():
            path = Path(files.extract(item, into))
            mode = item.external_attr >> 16
            path.chmod((mode & 0o777) | 0o644 if path.is_file() else 0o755)


def java_home() -> str:
    """The Java that Elasticsearch runs on."""
    chosen = os.environ.get("ES_JAVA_HOME") or os.environ.get("OTEL_AUDIT_TEST_JAVA_HOME")
    if chosen:
        return chosen
    java = shutil.which("java")
    if java is None:
        raise CannotBeHad("Elasticsearch cannot be had: Java is not installed")
    return str(Path(java).resolve().parent.parent)


class User(NamedTuple):
    """Somebody whom a server with security on knows."""

    name: str
    password: str
    role: str


class Secured(NamedTuple):
    """Security on: roles as ``roles.yml`` has them, and users."""

    roles: str
    users: Sequence[User]


@contextlib.contextmanager
def running(heap: str = "512m", secured: Secured | None = None, data: Path | None = None) -> Iterator[str]:
    """The address of a fresh, empty Elasticsearch, gone when the block ends; of a secured one, without a user.

    One that is given a directory for its *data* goes on with what it finds there, and leaves it.
    """
    home = fetch()
    work = Path(tempfile.mkdtemp(prefix="otel-audit-es-"))
    user = _unprivileged(work, home, secured, data or work / "data")
    log = work / "stdout"
    try:
        with log.open("wb") as out:
            server = subprocess.Popen(
                [str(home / "bin" / "elasticsearch"), *_settings(work, data or work / "data", secured)],
                cwd=work, env=_environment(work, heap), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                user=user, group=user and pwd.getpwuid(user).pw_gid, extra_groups=[] if user else None,
            )  # fmt: skip
        try:
            yield _address(server, log, secured)
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(20)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unprivileged(work: Path, home: Path, secured: Secured | None, data: Path) -> int | None:
    """Make *work* and *data* ready; as root, give them to ``nobody`` and return that user's id."""
    shutil.copytree(home / "config", work / "config")
    if secured is not None:
        _write_users(work / "config", secured)
    for path in (data, work / "logs", work / "tmp"):
        path.mkdir(exist_ok=True)
    if os.getuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    for path in (work, *work.rglob("*"), data, *data.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_uid


def _write_users(config: Path, secured: Secured) -> None:
    """The files of the server's file realm."""
    (config / "roles.yml").write_text(secured.roles)
    hashed = {user.name: b64encode(sha1(user.password.encode()).digest()).decode() for user in secured.users}
    (config / "users").write_text("".join(f"{name}:{{SHA}}{value}\n" for name, value in hashed.items()))
    (config / "users_roles").write_text("".join(f"{user.role}:{user.name}\n" for user in secured.users))


def _settings(work: Path, data: Path, secured: Secured | None) -> list[str]:
    settings = {
        "discovery.type": "single-node",
        "http.port": "0",
        "transport.port": "0",
        "network.host": "127.0.0.1",
        "path.data": str(data),
        "path.logs": str(work / "logs"),
        "xpack.security.enabled": "false" if secured is None else "true",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "cluster.max_shards_per_node": "5000",
    }
    return [f"-E{name}={value}" for name, value in settings.items()]


def _environment(work: Path, heap: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "ES_JAVA_HOME": java_home(),
        "ES_PATH_CONF": str(work / "config"),
        "ES_TMPDIR": str(work / "tmp"),
        "ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap}",
    }


def _address(server: subprocess.Popen[bytes], log: Path, secured: Secured | None) -> str:
    knows = [(user.name, user.password) for user in secured.users] if secured is not None else [None]
    deadline = time.monotonic() + _START_MAX_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        found = _PORT_LINE.findall(log.read_text(errors="replace"))
        if found:
            url = f"http://127.0.0.1:{found[-1]}"
            with contextlib.suppress(httpx.TransportError):
                health = httpx.get(
                    f"{url}/_cluster/health", params={"wait_for_status": "green", "timeout": "30s"}, auth=knows[0]
                )
                if health.status_code in (200, 403):
                    return url
        time.sleep(0.3)
    raise CannotBeHad(f"Elasticsearch did not start: {log.read_text(errors='replace')[-1500:]}")


if __name__ == "__main__":
    try:
        fetch()
    except CannotBeHad as missing:
        sys.exit(str(missing))
