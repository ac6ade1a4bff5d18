"""What became of one attempt to send: taken, not now, or never."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """The backend has it; of its spans or records it threw *rejected* away."""

    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Later:
    """Nobody is wrong, send again; *after_s* is the pause the backend asked for."""

    problem: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """The backend refuses it for good; *reason* is its code.

    It may be *parts_fit* when the request alone is at fault: what was merged is then sent again in smaller parts.
    """

    reason: str
    problem: str
    parts_fit: bool


Outcome = Taken | Later | Never
