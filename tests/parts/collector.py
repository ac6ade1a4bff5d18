"""A real OpenTelemetry Collector, built once from the Go module proxy and kept."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import httpx

from tests.parts.cache import cache
from tests.parts.missing import CannotBeHad
from tests.parts.ports import free_ports

VERSION = "0.161.0"
_CORE = "go.opentelemetry.io/collector"
_CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"
_PARTS = {
    "receivers": [f"{_CORE}/receiver/otlpreceiver"],
    "processors": [
        f"{_CORE}/processor/batchprocessor",
        f"{_CONTRIB}/processor/filterprocessor",
        f"{_CONTRIB}/processor/tailsamplingprocessor",
    ],
    "exporters": [
        f"{_CORE}/exporter/otlpexporter",
        f"{_CORE}/exporter/otlphttpexporter",
        f"{_CORE}/exporter/nopexporter",
    ],
    "extensions": [
        f"{_CONTRIB}/extension/healthcheckextension",
        f"{_CONTRIB}/extension/storage/filestorage",
    ],
}
_START_MAX_S = 30


def build() -> Path:
    """The Collector's binary, built the first time (about three minutes), and again when its parts change."""
    parts = sha256(_recipe(Path()).encode()).hexdigest()[:12]
    binary = cache() / f"otelcol-{VERSION}-{parts}"
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise CannotBeHad("a Collector cannot be had: Go is not installed")
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        work = Path(scratch)
        (work / "build.yaml").write_text(_recipe(work / "out"))
        environment = {**os.environ, "GOBIN": str(work), "GOFLAGS": "-modcacherw", "CGO_ENABLED": "0"}
        _go(["go", "install", f"{_CORE}/cmd/builder@v{VERSION}"], work, environment)
        _go([str(work / "builder"), "--config", str(work / "build.yaml")], work, environment)
        # A rename makes it appear whole or not at all, whatever interrupts us.
        (work / "out" / "otelcol").rename(binary)
    return binary


def _recipe(output: Path) -> str:
    lines = [
        "dist:",
        "  name: otelcol",
        "  description: for tests",
        f"  output_path: {output}",
        f"  version: {VERSION}",
    ]
    for kind, modules in _PARTS.items():
        lines += [f"{kind}:", *(f"  - gomod: {module} v{VERSION}" for module in modules)]
    return "\n".join(lines) + "\n"


def _go(command: list[str], work: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=1500)
    if done.returncode != 0:
        raise CannotBeHad(f"a Collector cannot be had: {' '.join(command)}: {done.stderr.strip()[-500:]}")


@contextlib.contextmanager
def running(
    config: str, ports: Sequence[int] = (), variables: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """A Collector running *config*, as its (gRPC, HTTP) addresses; ``{grpc} {http} {health}`` in it are filled in.

    It listens on free ports, or on the three of *ports*, so that it is found again when it is started anew.
    The same are in its variables ``COLLECTOR_GRPC``, ``COLLECTOR_HTTP`` and ``COLLECTOR_HEALTH``, beside *variables*.
    """
    binary = build()
    grpc, http, health = (f"127.0.0.1:{port}" for port in ports or free_ports(3))
    with tempfile.TemporaryDirectory() as scratch:
        path, log = Path(scratch) / "config.yaml", Path(scratch) / "log"
        path.write_text(config.replace("{grpc}", grpc).replace("{http}", http).replace("{health}", health))
        ours = {"COLLECTOR_GRPC": grpc, "COLLECTOR_HTTP": http, "COLLECTOR_HEALTH": health, **(variables or {})}
        with log.open("wb") as out:
            server = subprocess.Popen(
                [str(binary), "--config", str(path)], env={**os.environ, **ours}, stdout=out, stderr=out
            )
        try:
            _wait_ready(server, f"http://{health}", log)
            yield grpc, http
        finally:
            server.terminate()
            server.wait(20)


def _wait_ready(server: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + _START_MAX_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(health).status_code == 200:
                return
        time.sleep(0.1)
    raise CannotBeHad(f"the Collector did not start: {log.read_text(errors='replace')[-1500:]}")
