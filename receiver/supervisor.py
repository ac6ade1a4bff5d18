"""The group of processes that make a receiver: started together, started again, ended together."""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from receiver.metrics import read_states

POLL_S = 0.05
#: A process that died is started again after this long, twice as long each time it dies soon again.
RESTART_FIRST_S = 0.1
RESTART_MAX_S = 10.0
#: Lived so long, its next death counts as the first.
SOON_S = 30.0
#: Asked to end, the group has so long before it is killed.
END_MAX_S = 20.0
#: What a process exits with when its settings cannot be used: starting it again cannot help.
WRONG_SETTINGS = 2

_LOG = logging.getLogger(__name__)


class Child:
    """One process of the group; its standard input is a pipe that ends with us, however we end."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.was_ready = False
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._restart_s = RESTART_FIRST_S
        self._started = 0.0
        self._due = 0.0

    @property
    def pid(self) -> int | None:
        """The process's number; None while there is none."""
        return None if self._process is None else self._process.pid

    def tend(self) -> int | None:
        """Start the process when it is due; its exit code when it has died since the last look."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._due:
                self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603
                self._started = now
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._forget()
        if now - self._started > SOON_S:
            self._restart_s = RESTART_FIRST_S
        self._due = now + self._restart_s
        self._restart_s = min(2 * self._restart_s, RESTART_MAX_S)
        return code

    def end(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Whether it ended by itself within *seconds*; else it is killed."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        finally:
            self._forget()
        return True

    def _forget(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None


class Supervisor:
    """Keeps the group alive until it is told to end, and then leaves nothing running."""

    def __init__(
        self, commands: Mapping[str, Sequence[str]], data_dir: Path, announce: Callable[[dict[str, Any]], None]
    ) -> None:
        """*announce* is called with the states of all processes, once, when all of them are ready."""
        self._children = [Child(name, command) for name, command in commands.items()]
        self._data_dir = data_dir
        self._announce: Callable[[dict[str, Any]], None] | None = announce
        self._ended = threading.Event()

    def run(self) -> int:
        """Run the group; the exit code. SIGTERM and SIGINT end it with 0."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: self._ended.set())
        code = 0
        try:
            while not self._ended.wait(POLL_S) and not code:
                code = self._tend()
        finally:
            clean = self._end()
        return code if clean else code or 1

    def _tend(self) -> int:
        """Look after every process once; not 0 when the group cannot go on."""
        for child in self._children:
            code = child.tend()
            if code is None or self._ended.is_set():
                continue
            if code == WRONG_SETTINGS and not child.was_ready:
                return code
            _LOG.warning("process died", extra={"child": child.name, "code": code})
        self._look_whether_ready()
        return 0

    def _look_whether_ready(self) -> None:
        if self._announce is None:
            return
        states = read_states(self._data_dir)
        for child in self._children:
            state = states.get(child.name, {})
            child.was_ready = state.get("pid") == child.pid and bool(state.get("ready"))
        if all(child.was_ready for child in self._children):
            self._announce(states)
            self._announce = None

    def _end(self) -> bool:
        for child in self._children:
            child.end()
        deadline = time.monotonic() + END_MAX_S
        killed = [child for child in self._children if not child.wait(deadline - time.monotonic())]
        return not killed
