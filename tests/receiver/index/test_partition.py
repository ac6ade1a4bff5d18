"""Partitions are named by the event's time, and the next one is there before its time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.canonical import rfc3339, unix_ns
from receiver.clock import DAY_NS
from receiver.index.partition import current_and_next, partition_of


@pytest.mark.parametrize(
    ("time", "monthly", "daily"),
    [
        ("2026-11-23T12:00:00Z", "2026.11", "2026.11.23"),
        ("2026-11-30T23:59:59.999999999Z", "2026.11", "2026.11.30"),
        ("2026-12-01T00:00:00Z", "2026.12", "2026.12.01"),
        ("2027-01-01T00:30:00+01:00", "2026.12", "2026.12.31"),
        ("1970-01-01T00:00:00Z", "1970.01", "1970.01.01"),
    ],
)
def test_the_name_is_the_time_in_utc(time: str, monthly: str, daily: str) -> None:
    """An event belongs to the month, or the day, in which it happened by UTC, to the nanosecond."""
    assert partition_of(unix_ns(time), False, "monthly") == monthly
    assert partition_of(unix_ns(time), False, "daily") == daily


def test_an_outlier_has_its_own_partition() -> None:
    """A time nobody believes names no partition."""
    assert partition_of(0, True, "monthly") == partition_of(0, True, "daily") == "outlier"


@pytest.mark.parametrize(
    ("time", "monthly", "daily"),
    [
        ("2026-11-23T12:00:00Z", ("2026.11", "2026.12"), ("2026.11.23", "2026.11.24")),
        ("2026-11-30T23:59:59.999999999Z", ("2026.11", "2026.12"), ("2026.11.30", "2026.12.01")),
        ("2026-12-31T23:59:59.999999999Z", ("2026.12", "2027.01"), ("2026.12.31", "2027.01.01")),
        ("2027-01-01T00:00:00Z", ("2027.01", "2027.02"), ("2027.01.01", "2027.01.02")),
        ("2027-01-31T08:00:00Z", ("2027.01", "2027.02"), ("2027.01.31", "2027.02.01")),
        ("2028-02-28T08:00:00Z", ("2028.02", "2028.03"), ("2028.02.28", "2028.02.29")),
    ],
)
def test_the_next_one_is_known(time: str, monthly: tuple[str, str], daily: tuple[str, str]) -> None:
    """Over the ends of days, months, short months and years, the partition that follows is named."""
    assert current_and_next(unix_ns(time), "monthly") == monthly
    assert current_and_next(unix_ns(time), "daily") == daily


@given(ns=st.integers(0, 2**63 - 1))
def test_the_next_one_is_the_one_that_comes(ns: int) -> None:
    """Walking on day by day, the first partition that differs is the one that was named next."""
    for partitioning in ("monthly", "daily"):
        current, following = current_and_next(ns, partitioning)
        days = (partition_of(ns + n * DAY_NS, False, partitioning) for n in range(32))
        assert next(day for day in days if day != current) == following
        assert current == partition_of(ns, False, partitioning)
        assert rfc3339(ns)[:7].replace("-", ".") in current
