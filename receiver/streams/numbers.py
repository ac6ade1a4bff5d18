"""A stream's numbers: the runs that were seen, and the gaps between them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from receiver.clock import SECOND_NS

#: A number is missing when it is unseen this long after a higher one.
MISSING_AFTER_NS = 600 * SECOND_NS


class Run(NamedTuple):
    """Numbers without a hole, and when the earliest of them was received."""

    first: int
    last: int
    since_ns: int


class Gap(NamedTuple):
    """Numbers nobody has seen, and when a higher one was first heard of."""

    first: int
    last: int
    since_ns: int

    def is_missing(self, now_ns: int) -> bool:
        """Whether they are missing, rather than late."""
        return now_ns - self.since_ns >= MISSING_AFTER_NS


def runs_of(seen: Sequence[tuple[int, int]]) -> Iterator[Run]:
    """Sorted pairs of a number and its time of receipt, as runs."""
    first, since_ns = seen[0]
    last = first
    for number, received_ns in seen[1:]:
        if number > last + 1:
            yield Run(first, last, since_ns)
            first, since_ns = number, received_ns
        last, since_ns = number, min(since_ns, received_ns)
    yield Run(first, last, since_ns)


def gaps(runs: Sequence[Run], reported: int, reported_ns: int) -> list[Gap]:
    """What lies between *runs*, in order: numbers begin at 1 and end at the one *reported* as the highest."""
    last = runs[-1].last if runs else 0
    ends = [*runs, Run(reported + 1, reported + 1, reported_ns)] if reported > last else runs
    found: list[Gap] = []
    higher_ns = ends[-1].since_ns if ends else 0
    for at in reversed(range(len(ends))):
        higher_ns = min(higher_ns, ends[at].since_ns)
        begin = ends[at - 1].last + 1 if at else 1
        if begin < ends[at].first:
            found.append(Gap(begin, ends[at].first - 1, higher_ns))
    return found[::-1]
