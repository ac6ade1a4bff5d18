"""A real Jaeger v2, built once from the Go module proxy and kept."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.parts.cache import cache
from tests.parts.missing import CannotBeHad
from tests.parts.ports import free_ports

VERSION = "1.76.0"
_MODULE = "github.com/jaegertracing/jaeger"
_START_MAX_S = 60
_CONFIG = """
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [jaeger_storage_exporter]}
  telemetry: {metrics: {level: none}}
extensions:
  jaeger_storage: {backends: {kept: {storage}}}
  jaeger_query: {storage: {traces: kept}, http: {endpoint: "{query}"}, grpc: {endpoint: "{query_grpc}"}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "{grpc}"}, http: {endpoint: "{http}"}}}
processors:
  batch: {}
exporters:
  jaeger_storage_exporter: {trace_storage: kept}
"""

_MEMORY = "{memory: {max_traces: 100000}}"


def build() -> Path:
    """Jaeger's binary, built the first time (several minutes)."""
    binary = cache() / f"jaeger-{VERSION}"
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise CannotBeHad("a Jaeger cannot be had: Go is not installed")
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        work = Path(scratch)
        environment = {**os.environ, "GOFLAGS": "-modcacherw", "CGO_ENABLED": "0"}
        _go(["go", "mod", "init", "scratch"], work, environment)
        _go(["go", "mod", "download", f"{_MODULE}@v{VERSION}"], work, environment)
        modules = _go(["go", "env", "GOMODCACHE"], work, environment).strip()
        # Built from a copy of its own source: it replaces one of its modules, and `go install` forbids that.
        shutil.copytree(Path(modules) / f"{_MODULE}@v{VERSION}", work / "source")
        for path in (work / "source").rglob("*"):
            path.chmod(path.stat().st_mode | 0o200)
        _go(["go", "build", "-trimpath", "-o", str(work / "jaeger"), "./cmd/jaeger"], work / "source", environment)
        # A rename makes it appear whole or not at all, whatever interrupts us.
        (work / "jaeger").rename(binary)
    return binary


def _go(command: list[str], work: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=1500)
    if done.returncode != 0:
        raise CannotBeHad(f"a Jaeger cannot be had: {' '.join(command)}: {done.stderr.strip()[-500:]}")
    return done.stdout


class Running(NamedTuple):
    """The addresses of a Jaeger: OTLP over HTTP, its query service, OTLP over gRPC (host and port)."""

    http: str
    query: str
    grpc: str


@contextlib.contextmanager
def running(elasticsearch: str | None = None) -> Iterator[Running]:
    """A Jaeger that keeps traces in memory, or in the *elasticsearch* of that address."""
    binary = build()
    addresses = [f"127.0.0.1:{port}" for port in free_ports(4)]
    names = ("{grpc}", "{http}", "{query}", "{query_grpc}")
    config = _CONFIG.replace("{storage}", _MEMORY if elasticsearch is None else _in_elasticsearch(elasticsearch))
    for name, address in zip(names, addresses, strict=True):
        config = config.replace(name, address)
    with tempfile.TemporaryDirectory() as scratch:
        path, log = Path(scratch) / "config.yaml", Path(scratch) / "log"
        path.write_text(config)
        with log.open("wb") as out:
            server = subprocess.Popen([str(binary), "--config", str(path)], stdout=out, stderr=out)
        try:
            _wait(server, f"http://{addresses[2]}/api/v3/services", log)
            yield Running(f"http://{addresses[1]}", f"http://{addresses[2]}", addresses[0])
        finally:
            server.terminate()
            server.wait(20)


def _in_elasticsearch(url: str) -> str:
    # A server of the tests does not say which version it is.
    return f'{{elasticsearch: {{server_urls: ["{url}"], version: 8, disable_health_check: true}}}}'


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_MAX_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=2).status_code == 200:
                return
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Jaeger did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)
