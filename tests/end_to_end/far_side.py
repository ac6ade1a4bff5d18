"""What a real receiver has journalled, and the programs that sent it."""

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from receiver.journal import JournalReader
from tests.parts.receiver import Receiver


def journalled(receiver: Receiver, service: str | None = None, kind: str = "entry") -> list[dict[str, Any]]:
    """What the receiver keeps, oldest first; of one service where it is named."""
    found = []
    with closing(JournalReader.open(receiver.data_dir)) as reader:
        seq = 0
        while rows := reader.read(seq, 5000):
            seq = rows[-1].seq
            found += [orjson.loads(row.values) for row in rows if row.kind == kind]
    return [each for each in found if service in (None, each.get("service_name"))]


def arrived(receiver: Receiver, service: str, count: int, max_s: float = 30) -> list[dict[str, Any]]:
    """The entries of *service* once there are *count* of them; never more, each once, no number missing."""
    deadline = time.monotonic() + max_s
    while len(entries := journalled(receiver, service)) < count and time.monotonic() < deadline:
        time.sleep(0.2)
    ids = [entry["event_id"] for entry in entries]
    assert (len(ids), len(set(ids))) == (count, count)
    without_holes(entries)
    return entries


def without_holes(entries: list[dict[str, Any]]) -> None:
    """Every stream's numbers are there from 1 on."""
    streams: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        streams[entry["source"]["id"]].append(entry["source"]["sequence"])
    for numbers in streams.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


def environment(receiver: Receiver, spill_dir: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a service's process is started with."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ours = {"OTEL_AUDIT_ENDPOINT": f"http://{receiver.grpc}", "OTEL_AUDIT_SPILL_DIR": str(spill_dir)}
    return {**inherited, **ours, **(more or {})}


@contextlib.contextmanager
def program(text: str, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A program being run; killed at the end of the block if it has not ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def run(text: str, environ: Mapping[str, str], timeout_s: float = 60) -> str:
    """What a program prints that ends by itself, and well."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], env=environ, capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def says(process: subprocess.Popen[str], word: str) -> None:
    """Wait until the program prints *word* on a line of its own."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if line != word:
        process.kill()
        raise AssertionError(f"{line!r}, not {word!r}: {process.communicate()[1]}")
