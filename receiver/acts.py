"""What the receiver itself does, as entries: a process starts, a process ends, the settings are others."""

import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from receiver.clock import SECOND_NS, Clock, now_ns
from receiver.own import own_draft
from receiver.row import Draft

#: What was already told of an error is enough to find it in the log.
ERROR_MAX = 300


class Ids(NamedTuple):
    """The span of the receiver's own trace in which it did something; Nones where it keeps none."""

    trace_id: str | None = None
    span_id: str | None = None


#: The ids of a new span of this name.
NewSpan = Callable[[str], Ids]


def no_span(_: str) -> Ids:
    """There are no traces of the receiver itself."""
    return Ids()


class Changed(NamedTuple):
    """Which settings are others now; of those that may be shown, what they were and are."""

    names: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class Acts:
    """The entries of one process about itself. *process* is its name, *new_span* gives each its place in a trace."""

    def __init__(self, process: str, new_span: NewSpan = no_span, clock: Clock = now_ns) -> None:
        self._process = process
        self._new_span = new_span
        self._clock = clock
        self._began_ns = clock()

    def start(self, last: Mapping[str, Any] | None) -> Draft:
        """It runs. *last* is what the last process of this name left of its state: nothing when it ended in order."""
        if last is None:
            return self._draft("start.success", {})
        said = _moment(last["written_ns"])
        return self._draft(
            "start.success",
            {
                "audit.severity": "warning",
                "audit.reason": f"the last {self._process} (pid {last['pid']}) did not stop in order: "
                f"it was killed or crashed, after {said}",
                "audit.metadata.crashed_pid": last["pid"],
                "audit.metadata.last_sign_of_life": said,
            },
        )

    def stop(self, error: BaseException | None) -> Draft:
        """It ends, as it was asked to, or because of *error*."""
        uptime = {"audit.metadata.uptime_s": (self._clock() - self._began_ns) // SECOND_NS}
        if error is None:
            return self._draft("stop.success", uptime)
        told = {"error.type": type(error).__name__, "audit.error.message": str(error)[:ERROR_MAX]}
        return self._draft("stop.failed", uptime | told)

    def settings(self, change: Changed) -> Draft:
        """The settings are others than in the last run."""
        told = {
            "audit.reason": f"changed since the last run: {', '.join(change.names)}",
            "audit.metadata.changed": list(change.names),
            "audit.target.before": dict(change.before),
            "audit.target.after": dict(change.after),
        }
        return self._draft("settings.update.success", told)

    def outage(self, problem: str, since_ns: int) -> Draft:
        """Until now nothing could be journalled; senders were told to come again."""
        told = {
            "audit.severity": "critical",
            "audit.reason": f"nothing could be journalled since {_moment(since_ns)}; senders were told to come again",
            "audit.error.message": problem[:ERROR_MAX],
            "audit.metadata.since": _moment(since_ns),
        }
        return self._draft("accept.failed", told)

    def _draft(self, what: str, told: Mapping[str, Any]) -> Draft:
        action = f"audit.receiver.{what}"
        ids = self._new_span(action)
        attributes = {
            "audit.actor.type": "system",
            "audit.target.type": "receiver",
            "audit.target.id": f"{socket.gethostname()}:{self._process}",
            "audit.metadata.process": self._process,
            "audit.metadata.pid": os.getpid(),
            **told,
        }
        return own_draft(action, attributes, self._clock(), trace_id=ids.trace_id, span_id=ids.span_id)


def _moment(ns: int) -> str:
    return datetime.fromtimestamp(ns / SECOND_NS, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
