"""The demo's processes: a receiver and five services, started together and always stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from examples.checkout.stories import SERVICES

START_MAX_S = 40.0
STOP_MAX_S = 15.0


class DidNotStart(RuntimeError):
    """A process ended or was not ready in time; the message holds its last words."""


class World:
    """A receiver on *data_dir* and the shop around it. A context manager: what it started, it stops."""

    def __init__(self, data_dir: Path, *, free_ports: bool) -> None:
        self._data_dir = data_dir
        self._free_ports = free_ports
        self._logs = data_dir.parent / "logs"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.api = ""
        self.storefront = ""

    def __enter__(self) -> "World":
        self._logs.mkdir(exist_ok=True)
        try:
            self._start_receiver()
            self._start_shop()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask every process to end, the services first so that their last events still arrive."""
        for name, process in reversed(self._running.items()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            if name == SERVICES[0]:
                self._wait_for(SERVICES)
        self._wait_for(tuple(self._running))
        self._running.clear()

    def _wait_for(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name in self._running:
                try:
                    self._running[name].wait(STOP_MAX_S)
                except subprocess.TimeoutExpired:
                    self._running[name].kill()
                    self._running[name].wait()

    # -- starting

    def _start_receiver(self) -> None:
        variables = {"OTEL_AUDIT_RECEIVER_DATA_DIR": str(self._data_dir)}
        if self._free_ports:
            for name in ("OTLP__GRPC", "OTLP__HTTP", "API__LISTEN"):
                variables[f"OTEL_AUDIT_RECEIVER_{name}"] = "127.0.0.1:0"
        self._start("receiver", [sys.executable, "-m", "receiver.cli", "serve"], {**os.environ, **variables})
        self._until_ready("receiver", self._receiver_is_ready)

    def _receiver_is_ready(self) -> bool:
        ports = [self._data_dir / "run" / f"{name}.json" for name in ("accept", "answer")]
        accept, answer = (json.loads(path.read_text())["ports"] for path in ports)
        self._otlp = f"http://127.0.0.1:{accept['grpc']}"
        self.api = f"http://127.0.0.1:{answer['api']}"
        return httpx.get(f"{self.api}/readyz").status_code == 200

    def _start_shop(self) -> None:
        ports = dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        environment["OTEL_AUDIT_ENDPOINT"] = self._otlp
        environment["OTEL_BSP_SCHEDULE_DELAY"] = "500"
        for name, port in ports.items():
            environment[f"SHOP_{name.upper()}_URL"] = f"http://127.0.0.1:{port}"
        for name, port in ports.items():
            app = f"examples.checkout.{name}:app"
            command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "warning"]
            self._start(name, command, environment)
        for name, port in ports.items():
            url = f"http://127.0.0.1:{port}/healthz"
            self._until_ready(name, lambda url=url: httpx.get(url).status_code == 200)
        self.storefront = environment["SHOP_STOREFRONT_URL"]

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        with (self._logs / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _until_ready(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_MAX_S
        while self._running[name].poll() is None and time.monotonic() < deadline:
            try:
                if ready():
                    return
            except (OSError, ValueError, KeyError, httpx.TransportError):
                pass  # not yet
            time.sleep(0.05)
        last = (self._logs / f"{name}.log").read_text(errors="replace").strip()[-2000:]
        raise DidNotStart(f"{name} did not start:\n{last}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
