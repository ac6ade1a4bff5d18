"""Python's wall clock, shifted by the seconds in the file that SHIFTED_CLOCK names: first on a process's path."""

import os
import time
from pathlib import Path

_path = os.environ.get("SHIFTED_CLOCK")
_time_ns = time.time_ns


def _shift_ns() -> int:
    try:
        return int(float(Path(_path or "").read_text("ascii") or 0) * 1e9)
    except (OSError, ValueError):
        return 0


if _path:
    time.time_ns = lambda: _time_ns() + _shift_ns()
    time.time = lambda: time.time_ns() / 1e9
