"""How much one credential may send."""

import pytest

from receiver import config
from receiver.budget import BURST_S, STREAM_S, UNLIMITED, Budget
from receiver.errors import Busy


class Time:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_one_request_may_overdraw_and_the_next_waits() -> None:
    """Until the average is kept again; the time to wait is told."""
    time = Time()
    budget = Budget(config.Budget(events_per_s=100), time)
    budget.take_events(500, ())
    with pytest.raises(Busy, match="100 audit events") as told:
        budget.take_events(1, ())
    assert told.value.retry_after_s == pytest.approx(1 + (500 - 100 * BURST_S) / 100)
    time.now += told.value.retry_after_s
    budget.take_events(1, ())


def test_the_average_is_kept_over_time() -> None:
    """Whatever is tried, no more than the rate and the burst goes through."""
    time = Time()
    budget = Budget(config.Budget(bytes_per_s=1000), time)
    taken = 0
    for _ in range(2000):
        time.now += 0.01
        try:
            budget.take_bytes(100)
        except Busy:
            continue
        taken += 100
    assert 1000 * 20 <= taken <= 1000 * (20 + BURST_S) + 100


def test_a_quiet_time_saves_no_more_than_the_burst() -> None:
    """An account does not grow for ever."""
    time = Time()
    budget = Budget(config.Budget(events_per_s=1), time)
    time.now += 1e6
    budget.take_events(int(BURST_S), ())
    with pytest.raises(Busy):
        budget.take_events(1, ())


def test_streams_are_counted_for_an_hour() -> None:
    """One too many is told Busy and not remembered; those known go on; a silent one makes room."""
    time = Time()
    budget = Budget(config.Budget(streams=2), time)
    budget.take_events(1, {"a"})
    time.now += 1
    budget.take_events(1, {"b"})
    with pytest.raises(Busy, match="2 streams"):
        budget.take_events(1, {"a", "c"})
    budget.take_events(1, {"a", "b"})
    time.now += STREAM_S
    budget.take_events(1, {"c"})


def test_what_is_refused_for_its_streams_is_not_paid_for() -> None:
    """It comes again."""
    budget = Budget(config.Budget(streams=1, events_per_s=1), Time())
    with pytest.raises(Busy, match="streams"):
        budget.take_events(1000, {"a", "b"})
    budget.take_events(1, {"a"})


def test_nothing_is_limited_unless_set() -> None:
    """The default."""
    for _ in range(10):
        UNLIMITED.take_bytes(10**12)
        UNLIMITED.take_events(10**9, map(str, range(1000)))
