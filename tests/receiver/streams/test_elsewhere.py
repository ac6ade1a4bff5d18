"""What another receiver took is not missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from receiver.clock import SECOND_NS
from receiver.errors import Unavailable
from receiver.streams import Elsewhere
from receiver.streams.elsewhere import ASK_AFTER_NS, ASK_AGAIN_S, LOOK_EVERY_S, NUMBERS_MAX
from tests.receiver.streams.test_streams import NOW, Streams, entry


class Index:
    """What all receivers have indexed of the one stream."""

    def __init__(self) -> None:
        self.held: Sequence[int] = ()
        self.asked: list[tuple[int, int]] = []
        self.shared = True
        self.away = False

    def is_shared(self, log: str) -> bool:
        if self.away:
            raise Unavailable("away")
        return self.shared

    def numbers(self, tenant: str, source_id: str, first: int, last: int, limit: int) -> Sequence[int]:
        assert (tenant, source_id) == ("default", "s1")
        self.asked.append((first, last))
        return [number for number in self.held if first <= number <= last][:limit]


class World:
    """A receiver's streams, and the moments at which it looks."""

    def __init__(self, directory: Path) -> None:
        self.streams = Streams(directory)
        self.index = Index()
        self.elapsed_s = 0.0
        self.elsewhere = Elsewhere(
            self.streams.writer,
            self.index,
            "log",
            lambda: NOW + int(self.elapsed_s * SECOND_NS),
            lambda: self.elapsed_s,
        )

    def look(self, after_s: float) -> None:
        """When so much time has passed."""
        self.elapsed_s += after_s
        self.elsewhere.tick()

    def missing(self) -> list[tuple[int, int]]:
        """By now."""
        return [(gap.first, gap.last) for gap in self.streams.one().missing]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Its stream has 1 and 10."""
    world = World(tmp_path)
    world.streams.take(entry(1), entry(10))
    yield world
    world.streams.close()


OLD_S = ASK_AFTER_NS / SECOND_NS + 1


def test_what_another_receiver_has_closes_the_gap(world: World) -> None:
    """What none has stays one, however often it is looked for."""
    world.index.held = (1, 2, 3, 4, 7, 8, 9)
    world.look(OLD_S)
    assert world.missing() == [(5, 6)]
    assert world.streams.one().received == 8
    world.index.held = range(1, 11)
    for _ in range(3):
        world.look(LOOK_EVERY_S)
    world.look(ASK_AGAIN_S)
    assert world.missing() == []
    assert world.streams.one().state == "complete"


def test_a_young_gap_is_not_asked_about(world: World) -> None:
    """It may close by itself."""
    world.look(1)
    world.look(OLD_S / 2)
    assert world.index.asked == []


def test_a_receiver_alone_asks_nothing(world: World) -> None:
    """There is nobody who could have it."""
    world.index.shared = False
    world.look(OLD_S)
    assert world.index.asked == []


def test_an_index_away_is_asked_later(world: World) -> None:
    """The streams go on meanwhile."""
    world.index.away = True
    world.look(OLD_S)
    world.index.away, world.index.held = False, range(1, 11)
    world.look(LOOK_EVERY_S)
    assert world.missing() == []


def test_a_long_gap_closes_look_by_look(tmp_path: Path) -> None:
    """No question is answered with more than a bounded list."""
    world = World(tmp_path)
    world.streams.take(entry(1), entry(2 * NUMBERS_MAX))
    world.index.held = range(1, 2 * NUMBERS_MAX)
    world.look(OLD_S)
    assert world.missing() == [(NUMBERS_MAX + 2, 2 * NUMBERS_MAX - 1)]
    world.look(LOOK_EVERY_S)
    assert world.missing() == []
    world.streams.close()
