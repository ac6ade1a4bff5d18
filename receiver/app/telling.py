"""What a process of the receiver tells about itself: its own entries, traces and logs."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from receiver import last_settings
from receiver.acts import Acts
from receiver.config import Settings
from receiver.errors import ReceiverError
from receiver.metrics import RunState
from receiver.outbox import Outbox
from receiver.row import Draft
from receiver.telemetry import open_telemetry


class _Said(NamedTuple):
    """Drafts that must get to disk, and what is done once they are there."""

    drafts: tuple[Draft, ...]
    then: Callable[[], object]


class Telling:
    """From its making to the end of its block: telemetry runs; from :meth:`started` on, the end is told, too.

    What cannot be put on disk now is put there by a later :meth:`flush`: a full disk stops nobody.
    """

    def __init__(self, settings: Settings, process: str, state: RunState) -> None:
        self._settings = settings
        self._process = process
        self._last = state.last
        self._waiting: deque[_Said] = deque()
        self._outbox: Outbox | None = None
        self._is_running = False
        self.telemetry = open_telemetry(settings.telemetry, process)
        self.acts = Acts(process, self.telemetry.new_span)

    def __enter__(self) -> "Telling":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_running:
            self.say(self.acts.stop(error))
        if self._outbox is not None:
            self._outbox.close()
        self.telemetry.close()

    def started(self) -> None:
        """The process does its work now."""
        self._is_running = True
        self.say(self.acts.start(self._last))

    def settings(self) -> None:
        """These settings hold now; what differs from the last run is told."""
        data_dir = self._settings.data_dir
        change = last_settings.change(data_dir, self._settings)
        drafts = () if change is None else (self.acts.settings(change),)
        # Told first: a crash in between tells it once more.
        self._waiting.append(_Said(drafts, lambda: last_settings.remember(data_dir, self._settings)))
        self.flush()

    def say(self, draft: Draft) -> None:
        """Put *draft* on disk, now or as soon as it can be."""
        self._waiting.append(_Said((draft,), lambda: None))
        self.flush()

    def flush(self) -> None:
        """Try again what is not on disk yet."""
        with suppress(ReceiverError, OSError):
            while self._waiting:
                drafts, then = self._waiting[0]
                if drafts:
                    self._opened().append(drafts)
                then()
                self._waiting.popleft()

    def _opened(self) -> Outbox:
        if self._outbox is None:
            most = self._settings.outbox.waiting_max_entries
            self._outbox = Outbox(self._settings.data_dir, self._process, most)
        return self._outbox
