"""What each process says about itself: ``run/<name>.json``, written every second, read by anyone."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

EVERY_S = 1.0
#: Facts that change all the time are not written more often than this.
AT_MOST_EVERY_S = 0.05


class RunState:
    """One process's facts on disk: a change is there within a tenth of a second, and a sign of life every second.

    The file goes with :meth:`close`; one that stays behind belongs to a process that was killed, and its age grows.
    """

    def __init__(self, data_dir: Path, name: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._path = data_dir / "run" / f"{name}.json"
        self._clock = clock
        self._facts: dict[str, Any] = {"pid": os.getpid()}
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._try_to_write()
        self._thread = threading.Thread(target=self._run, name=f"run-state-{name}", daemon=True)
        self._thread.start()

    def set(self, **facts: Any) -> None:
        """Replace these facts, leave the others; cheap enough to be called for every batch."""
        with self._lock:
            self._facts.update(facts)
        self._changed.set()

    def close(self) -> None:
        """Stop writing and take the file away."""
        self._closing.set()
        self._changed.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # a read-only disk: its age tells
            self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._closing.wait(AT_MOST_EVERY_S):
            self._changed.wait(EVERY_S)
            self._changed.clear()
            self._try_to_write()

    def _try_to_write(self) -> None:
        with contextlib.suppress(OSError):  # a full disk; the age that grows says it
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write()

    def _write(self) -> None:
        with self._lock:
            facts = self._facts | {"written_ns": self._clock()}
        beside = self._path.with_suffix(".tmp")
        beside.write_bytes(orjson.dumps(facts, default=str))
        beside.chmod(0o600)
        beside.replace(self._path)  # a reader sees the old facts or the new ones, never half of them


def read_states(data_dir: Path, clock: Callable[[], int] = time.time_ns) -> dict[str, dict[str, Any]]:
    """Process name ▶ its facts, with ``age_s``: seconds since it last wrote them."""
    states = {}
    for path in sorted((data_dir / "run").glob("*.json")):
        try:
            facts = orjson.loads(path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):  # ended meanwhile
            continue
        states[path.stem] = facts | {"age_s": max(0.0, (clock() - facts["written_ns"]) / 1e9)}
    return states
