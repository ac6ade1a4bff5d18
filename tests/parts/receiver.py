"""A real receiver: `otel-audit serve` on free ports, in processes of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_START_MAX_S = 60


@dataclass(frozen=True)
class Receiver:
    """Where a running receiver is reached."""

    data_dir: Path
    pid: int
    grpc: str
    http: str
    api: str

    def get(self, path: str, **params: Any) -> Any:
        """The JSON answer of a call to the API; an error status raises."""
        answer = httpx.get(f"{self.api}{path}", params=params, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def eventually(
        self, path: str, enough: Any = lambda answer: answer["entries"], max_s: float = 30, **params: Any
    ) -> Any:
        """The answer of a call once *enough* says so; AssertionError with the last answer when it never does."""
        deadline = time.monotonic() + max_s
        while True:
            try:
                answer = self.get(path, **params)
            except httpx.HTTPStatusError as error:
                answer = None
                last: Any = error.response.text
            else:
                last = answer
                if enough(answer):
                    return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"{path} {params} never gave what was expected; last answer: {last}")
            time.sleep(0.1)


@contextlib.contextmanager
def running(
    data_dir: Path,
    settings: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    ready: int = 200,
) -> Iterator[Receiver]:
    """A receiver on *data_dir*; *settings* are ``SECTION__NAME`` variables without their prefix.

    *environ* are other variables. It is there once ``/readyz`` answers with the status *ready*; 503 needs fixed ports,
    for who cannot write cannot say which it took.
    """
    log = data_dir.with_suffix(".log")
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "receiver.cli", "serve"],
            env={**_environment(data_dir, settings or {}), **(environ or {})},
            stdout=out,
            stderr=out,
        )
    try:
        yield _ready(process, data_dir, log) if ready == 200 else _not_ready(process, data_dir, log, settings or {})
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise


def _environment(data_dir: Path, settings: Mapping[str, str]) -> dict[str, str]:
    chosen = {
        "DATA_DIR": str(data_dir),
        "OTLP__GRPC": "127.0.0.1:0",
        "OTLP__HTTP": "127.0.0.1:0",
        "API__LISTEN": "127.0.0.1:0",
        **settings,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return {**inherited, **{f"OTEL_AUDIT_RECEIVER_{name}": value for name, value in chosen.items()}}


def _ready(process: subprocess.Popen[bytes], data_dir: Path, log: Path) -> Receiver:
    started = time.time()
    deadline = time.monotonic() + _START_MAX_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, KeyError, ValueError, httpx.HTTPError):
            accept = _ports(data_dir / "run" / "accept.json", started)
            answer = _ports(data_dir / "run" / "answer.json", started)
            api = f"http://127.0.0.1:{answer['api']}"
            if httpx.get(f"{api}/readyz", timeout=5).status_code == 200:
                grpc, http = f"127.0.0.1:{accept['grpc']}", f"http://127.0.0.1:{accept['http']}"
                return Receiver(data_dir, process.pid, grpc, http, api)
        time.sleep(0.05)
    raise AssertionError(f"the receiver did not become ready:\n{log.read_text(errors='replace')[-3000:]}")


def _not_ready(process: subprocess.Popen[bytes], data_dir: Path, log: Path, settings: Mapping[str, str]) -> Receiver:
    """Its doors are open, and it is not ready."""
    http, api = (f"http://{settings[name]}" for name in ("OTLP__HTTP", "API__LISTEN"))
    deadline = time.monotonic() + _START_MAX_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            headers = {"content-type": "application/x-protobuf"}
            httpx.post(f"{http}/v1/traces", content=b"", headers=headers, timeout=5).raise_for_status()
            if httpx.get(f"{api}/readyz", timeout=5).status_code == 503:
                return Receiver(data_dir, process.pid, settings["OTLP__GRPC"], http, api)
        time.sleep(0.05)
    raise AssertionError(f"the receiver did not open its doors:\n{log.read_text(errors='replace')[-3000:]}")


def _ports(state: Path, started: float) -> dict[str, int]:
    """The ports in a state file; ValueError while the file is an earlier process's."""
    if state.stat().st_mtime < started - 1:
        raise ValueError(f"{state} is old")
    return json.loads(state.read_text())["ports"]
