"""Runs and gaps of numbers against their slow definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.streams.numbers import MISSING_AFTER_NS, Gap, Run, gaps, runs_of


@given(st.lists(st.integers(1, 30), min_size=1), st.integers(0, 40))
def test_gaps_are_what_was_not_seen(numbers: list[int], reported: int) -> None:
    """Every number from 1 to the highest is seen or in exactly one gap."""
    runs = list(runs_of(sorted((number, 5) for number in numbers)))
    found = [n for gap in gaps(runs, reported, 5) for n in range(gap.first, gap.last + 1)]
    assert found == sorted(set(range(1, max(*numbers, reported) + 1)) - set(numbers))


def test_a_gap_is_as_old_as_the_first_higher_number() -> None:
    """A number that came early and high tells of every hole below it."""
    runs = [Run(2, 2, 90), Run(5, 5, 20), Run(9, 9, 50)]
    assert gaps(runs, 12, 10) == [Gap(1, 1, 10), Gap(3, 4, 10), Gap(6, 8, 10), Gap(10, 12, 10)]
    assert gaps(runs, 0, 0) == [Gap(1, 1, 20), Gap(3, 4, 20), Gap(6, 8, 50)]


def test_nothing_seen_and_nothing_reported_is_no_gap() -> None:
    """A stream may begin with a report of nothing."""
    assert gaps([], 0, 0) == []
    assert gaps([], 3, 7) == [Gap(1, 3, 7)]


@pytest.mark.parametrize(("age_ns", "missing"), [(MISSING_AFTER_NS - 1, False), (MISSING_AFTER_NS, True)])
def test_a_number_is_missing_after_ten_minutes(age_ns: int, missing: bool) -> None:
    """Until then it may still come."""
    assert Gap(1, 1, 1000).is_missing(1000 + age_ns) is missing
