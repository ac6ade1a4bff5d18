"""A wall clock that can be set, for the processes of one receiver."""

import os
from pathlib import Path

_DIRECTORY = Path(__file__).parent / "shifted_clock"


class SettableClock:
    """Shifts what Python tells as the time of day in every process that is started with ``environ``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set(0)
        inherited = os.environ.get("PYTHONPATH", "")
        self.environ = {
            "SHIFTED_CLOCK": str(path),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_DIRECTORY), inherited))),
        }

    def set(self, seconds: float) -> None:
        """From now on the clock differs from the true time by so much."""
        beside = self._path.with_suffix(".tmp")
        beside.write_text(str(seconds), encoding="ascii")
        beside.replace(self._path)
