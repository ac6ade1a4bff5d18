"""Sides measured in turn, several times over: a ratio within a round is not touched by what the machine does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal

from bench.stop import Stop

#: The middle half of a comparison's ratios may lie so far apart, as a part of their median.
NOISE_MAX = 0.25

Measure = Callable[[], float]


@dataclass(frozen=True)
class Ratios:
    """What came of it: each side's figures, round by round, in *unit*; *ours* over *theirs* within each."""

    what: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float]
    floor: float
    goal: float
    better: Literal["more", "less"] = "more"

    @property
    def each(self) -> list[float]:
        """The rounds' ratios."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def median(self) -> float:
        """The one that counts."""
        return median(self.each)

    @property
    def verdict(self) -> str:
        """``goal``, ``floor`` or ``below``: what it reaches."""
        reaches = (
            (lambda bound: self.median >= bound) if self.better == "more" else (lambda bound: self.median <= bound)
        )
        return "goal" if reaches(self.goal) else "floor" if reaches(self.floor) else "below"


def in_turn(rounds: int, sides: Mapping[str, Measure]) -> dict[str, list[float]]:
    """Each side's figures of so many rounds, after one round that is not counted; every other round turns round."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        names = list(sides) if number % 2 else list(reversed(sides))
        for name in names:
            figure = sides[name]()
            if number:
                figures[name].append(figure)
    return figures


def quiet(ratios: Ratios) -> Ratios:
    """*ratios* themselves; Stop when they are so far apart that their median means nothing."""
    low, _, high = quantiles(ratios.each, n=4, method="inclusive")
    if (high - low) / ratios.median > NOISE_MAX:
        told = ", ".join(f"{each:.2f}" for each in ratios.each)
        raise Stop(f"{ratios.what}: the machine was too noisy for a ratio to mean anything: {told}")
    return ratios
