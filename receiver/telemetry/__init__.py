"""The receiver's own traces and logs."""

from contextlib import AbstractContextManager
from typing import Protocol

from receiver.acts import Ids, no_span
from receiver.config import Telemetry as Settings
from receiver.timing import Watched, unwatched


class Telemetry(Protocol):
    """What a process tells about itself."""

    def watch(self, name: str) -> AbstractContextManager[Watched]:
        """A block that is a request of this name; a slow one may leave a trace."""

    def new_span(self, name: str) -> Ids:
        """The ids of a span that is a moment's act; Nones where no traces are kept."""

    def close(self) -> None:
        """Send what waits, for a moment at most."""


def open_telemetry(settings: Settings, process: str) -> Telemetry:
    """The telemetry of *process*: none without an endpoint."""
    if settings.endpoint is None:
        return Off()
    from receiver.telemetry.otlp import Otlp  # a tenth of a second, for those who want it

    return Otlp(settings, settings.endpoint, process)


class Off:
    """Tells nothing."""

    def watch(self, name: str) -> AbstractContextManager[Watched]:
        """Nobody looks."""
        return unwatched(name)

    def new_span(self, name: str) -> Ids:
        """None."""
        return no_span(name)

    def close(self) -> None:
        """Nothing waits."""
