"""Pauses grow, are shared, and end with a success."""

import asyncio
from collections.abc import Callable

import pytest

from receiver.forward.backoff import FIRST_S, Backoff


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses made; the loop's clock jumps instead of waiting."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        passed[0] += seconds

    passed = [0.0]
    monkeypatch.setattr("receiver.forward.backoff.asyncio.sleep", sleep)
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda _: passed[0])
    return pauses


def chance(value: float) -> Callable[[], float]:
    return lambda: value


def test_pauses_double_up_to_the_longest(slept: list[float]):
    """And begin anew after a success."""

    async def run() -> None:
        backoff = Backoff(1.5, chance(1.0))
        for _ in range(5):
            backoff.failed(await backoff.pause())
        await backoff.pause()
        backoff.succeeded()
        backoff.failed(await backoff.pause())
        await backoff.pause()

    asyncio.run(run())
    assert slept == pytest.approx([FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 1.5, 1.5, FIRST_S])


def test_no_two_wait_alike(slept: list[float]):
    """Between half of a pause and the whole, by chance."""

    async def run(value: float) -> None:
        backoff = Backoff(30, chance(value))
        backoff.failed(await backoff.pause())
        await backoff.pause()

    for value in (0.0, 0.5, 1.0):
        asyncio.run(run(value))
    assert slept == pytest.approx([FIRST_S / 2, FIRST_S * 0.75, FIRST_S])


def test_attempts_that_failed_together_make_one_pause(slept: list[float]):
    """Four requests under way at a dead backend do not lengthen the pause four times."""

    async def run() -> None:
        backoff = Backoff(30, chance(1.0))
        begun = [await backoff.pause() for _ in range(4)]
        for each in begun:
            backoff.failed(each)
        await backoff.pause()

    asyncio.run(run())
    assert slept == pytest.approx([FIRST_S])


def test_the_backends_wish_counts_even_late(slept: list[float]):
    """A longer pause that is asked for by the last of several answers is kept; an hour is the most."""

    async def run() -> None:
        backoff = Backoff(30, chance(1.0))
        begun = [await backoff.pause() for _ in range(2)]
        backoff.failed(begun[0])
        backoff.failed(begun[1], 7.0)
        backoff.failed(await backoff.pause(), 1e9)
        await backoff.pause()

    asyncio.run(run())
    assert slept == pytest.approx([7.0, 3600.0])
