"""What each process says about itself: ``run/<name>.json``, written every second, read by anyone."""

import contextlib
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

EVERY_S = 1.0
#: Facts that change all the time are not written more often than this.
AT_MOST_EVERY_S = 0.05


#: Upper bounds of a histogram's buckets, in seconds; one more bucket holds what took longer.
BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Histogram:
    """How long something took, each time; cheap enough for every request. One thread observes."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """It took so long once more."""
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self._sum_s += seconds

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Observe how long this block takes; one that fails is not observed."""
        began = time.perf_counter()
        yield
        self.observe(time.perf_counter() - began)

    def facts(self) -> dict[str, Any]:
        """How many fell into each bucket, and the sum of all."""
        return {"counts": list(self._counts), "sum_s": self._sum_s}


class RunState:
    """One process's facts on disk: a change is there within a tenth of a second, and a sign of life every second.

    The file goes with :meth:`close`; one that stays behind belongs to a process that was killed, and its age grows.
    ``last`` is what such a process of this name said last, None when the last one ended in order.
    """

    def __init__(self, data_dir: Path, name: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._path = data_dir / "run" / f"{name}.json"
        self._clock = clock
        self._facts: dict[str, Any] = {"pid": os.getpid(), "started_ns": clock()}
        self.last = _read(self._path)
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
            facts = self._facts | _used() | {"written_ns": self._clock()}
        beside = self._path.with_suffix(".tmp")
        beside.write_bytes(orjson.dumps(facts, default=str))
        beside.chmod(0o600)
        beside.replace(self._path)  # a reader sees the old facts or the new ones, never half of them


def read_states(data_dir: Path, clock: Callable[[], int] = time.time_ns) -> dict[str, dict[str, Any]]:
    """Process name ▶ its facts, with ``age_s``: seconds since it last wrote them."""
    states = {}
    for path in sorted((data_dir / "run").glob("*.json")):
        if (facts := _read(path)) is not None:
            states[path.stem] = facts | {"age_s": max(0.0, (clock() - facts["written_ns"]) / 1e9)}
    return states


def _read(path: Path) -> dict[str, Any] | None:
    """None when there is no such file, or not any more."""
    try:
        facts: dict[str, Any] = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    return facts


def _used() -> dict[str, Any]:
    """What this process uses of the machine."""
    used: dict[str, Any] = {"cpu_s": round(time.process_time(), 3)}
    with contextlib.suppress(FileNotFoundError):  # only Linux tells so
        used["rss_bytes"] = int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE_BYTES
    return used
