"""How far each stage is: what the processes say of themselves, against the journal's end."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from receiver.clock import SECOND_NS
from receiver.journal import JournalReader

States = Mapping[str, Mapping[str, Any]]

#: A process that has not written its state for this long is not running.
SILENT_S = 5.0
#: A lag below this is the ordinary distance between accept and a follower.
LAG_TOLD_S = 5.0


class Lag(NamedTuple):
    """How far a follower is behind: rows of the journal (None where it follows something else) and seconds.

    Seconds are the age of the oldest row it has not done, received at ``oldest_ns`` (None when it has done all).
    ``problem`` is what stands in its way.
    """

    process: str
    entries: int | None
    seconds: float
    oldest_ns: int | None
    problem: str | None

    @property
    def is_behind(self) -> bool:
        """Whether somebody should look at it."""
        return self.problem is not None or self.seconds > LAG_TOLD_S


def is_running(state: Mapping[str, Any] | None) -> bool:
    """Whether a process with this state still says something."""
    return state is not None and state["age_s"] <= SILENT_S


def lags(states: States, journal: JournalReader, now_ns: int) -> dict[str, Lag]:
    """Follower ▶ its lag, of all that the processes name."""
    last = journal.last_seq()
    return {name: _lag(process, facts, journal, last, now_ns) for process, name, facts in followers(states)}


def followers(states: States) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Process, name and facts of everything that says its position."""
    for process, state in states.items():
        for name, facts in state.items():
            if isinstance(facts, Mapping) and "position" in facts:
                yield process, name, facts


def _lag(process: str, facts: Mapping[str, Any], journal: JournalReader, last: int, now_ns: int) -> Lag:
    problem = facts.get("problem")
    if "lag_s" in facts:  # it does not follow the journal, and knows by itself
        return Lag(process, None, facts["lag_s"], None, problem)
    rows = journal.read(facts["position"], 1)
    oldest_ns = rows[0].received_ns if rows else None
    seconds = 0.0 if oldest_ns is None else max(0, now_ns - oldest_ns) / SECOND_NS
    return Lag(process, max(0, last - facts["position"]), round(seconds, 3), oldest_ns, problem)


def behind(states: States, processes: tuple[str, ...], known: Mapping[str, Lag]) -> list[str]:
    """The names of the stages somebody should look at: processes, followers, and backends that take nothing."""
    waiting = [name for name in processes if not is_running(states.get(name)) or not _does_its_work(states[name])]
    lagging = [name for name, lag in known.items() if lag.is_behind]
    backends = states.get("accept", {}).get("forward", {})
    return waiting + lagging + [f"forward {name}" for name, facts in backends.items() if facts.get("problem")]


def _does_its_work(state: Mapping[str, Any]) -> bool:
    """A process whose followers have problems says so as its own: it is told by their names instead."""
    has_followers = any(isinstance(facts, Mapping) and "position" in facts for facts in state.values())
    return state.get("ready") is True and (has_followers or not state.get("problem"))
