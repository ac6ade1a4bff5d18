"""The demo's processes: a receiver and five services, started together and always stopped."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import httpx

from examples.checkout.stories import SERVICES

START_MAX_S = 40.0
STOP_MAX_S = 25.0
LAST_WORDS_MAX = 2000

#: Where the receiver listens: the setting's variable and its default.
LISTENING = {
    "OTEL_AUDIT_RECEIVER_OTLP__GRPC": "127.0.0.1:4317",
    "OTEL_AUDIT_RECEIVER_OTLP__HTTP": "127.0.0.1:4318",
    "OTEL_AUDIT_RECEIVER_API__LISTEN": "127.0.0.1:4321",
}
FREE = "127.0.0.1:0"


class Failed(RuntimeError):
    """The world cannot be, or is no more; the message says why, with the last words of the process that ended."""


class World:
    """A receiver and the shop around it. A context manager: what it started, it stops.

    The receiver obeys the ``OTEL_AUDIT_RECEIVER_…`` variables; it keeps its data in *scratch* unless they name a
    place, and listens on free ports with *free_ports* unless they name others. *ended* cuts the start short.
    """

    def __init__(self, scratch: Path, *, free_ports: bool, ended: threading.Event | None = None) -> None:
        self._variables = {
            "OTEL_AUDIT_RECEIVER_DATA_DIR": str(scratch / "data"),
            "OTEL_AUDIT_SPILL_DIR": str(scratch / "spill"),
            **os.environ,
        }
        if free_ports:
            self._variables = {**dict.fromkeys(LISTENING, FREE), **self._variables}
        self._data_dir = Path(self._variables["OTEL_AUDIT_RECEIVER_DATA_DIR"])
        self._logs = scratch / "logs"
        self._ended = ended or threading.Event()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.api = ""
        self.storefront = ""

    def __enter__(self) -> "World":
        self._logs.mkdir(exist_ok=True)
        _refuse_taken_ports(self._variables)
        try:
            self._start_receiver()
            self._start_shop()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """Raise Failed when a process has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Failed(f"{name} ended by itself:\n{self._last_words(name)}")

    def stop(self) -> None:
        """Ask every process to end, the services first so that their last events still arrive."""
        self._stop(*SERVICES)
        self._stop("receiver")

    def _stop(self, *names: str) -> None:
        ending = [self._running.pop(name) for name in names if name in self._running]
        for process in ending:
            process.terminate()
        for process in ending:
            try:
                process.wait(STOP_MAX_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # -- starting

    def _start_receiver(self) -> None:
        self._started = time.time()
        self._start("receiver", [sys.executable, "-m", "receiver.cli", "serve"], self._variables)
        self._until_ready("receiver", self._receiver_is_ready)

    def _receiver_is_ready(self) -> bool:
        states = [self._data_dir / "run" / f"{name}.json" for name in ("accept", "answer")]
        if any(state.stat().st_mtime < self._started - 1 for state in states):
            return False  # left behind by an earlier receiver on the same data
        accept, answer = (json.loads(state.read_text())["ports"] for state in states)
        self._otlp = f"http://127.0.0.1:{accept['grpc']}"
        self.api = f"http://127.0.0.1:{answer['api']}"
        return _is_well(f"{self.api}/readyz")

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
            self._until_ready(name, partial(_is_well, f"http://127.0.0.1:{port}/healthz"))
        self.storefront = environment["SHOP_STOREFRONT_URL"]

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        with (self._logs / f"{name}.log").open("wb") as log:
            # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
            self._running[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _until_ready(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_MAX_S
        while self._running[name].poll() is None and time.monotonic() < deadline:
            if self._ended.is_set():
                raise Failed("ended while starting")
            try:
                if ready():
                    return
            except (OSError, ValueError, KeyError, httpx.TransportError):
                pass  # not yet
            time.sleep(0.05)
        raise Failed(f"{name} did not start:\n{self._last_words(name)}")

    def _last_words(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text(errors="replace").strip()[-LAST_WORDS_MAX:]


def _is_well(url: str) -> bool:
    return httpx.get(url).status_code == 200


def _refuse_taken_ports(variables: Mapping[str, str]) -> None:
    """Raise Failed, in one line, when the receiver could not listen where it is to."""
    for variable, default in LISTENING.items():
        address = variables.get(variable, default)
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            continue  # the receiver itself says what is wrong with it
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host.strip("[]"), int(port)), family=family).close()
        except OSError as error:
            raise Failed(f"{address}: {error.strerror}; {variable}={FREE} takes a free port") from error


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
