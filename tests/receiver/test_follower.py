"""The follower hands over every row, in order, and stops rather than skip one."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from receiver import worker
from receiver.errors import Damaged, Unavailable
from receiver.follower import Follower
from receiver.journal import Row


def row(seq: int) -> Row:
    return Row(seq, "entry", "default", f"id-{seq}", seq - 1, b"{}", b"{}", False, 0)


class Journalled:
    """A journal in memory, with the reader's methods."""

    def __init__(self, count: int = 0) -> None:
        self._rows = [row(seq) for seq in range(1, count + 1)]
        self._seen = -1

    def append(self) -> None:
        self._rows.append(row(len(self._rows) + 1))

    def read(self, after_seq: int, limit: int) -> list[Row]:
        return self._rows[after_seq : after_seq + limit]

    def changed(self) -> bool:
        before, self._seen = self._seen, len(self._rows)
        return before != self._seen

    def must_reach(self, seq: int, who: str) -> None:
        if len(self._rows) < seq:
            raise Damaged(f"{who} has seen row {seq}", "repair it")


class Output:
    """Where a step puts rows: keeps them and the cursor, and fails first as often as told."""

    def __init__(self, *failures: Exception, cursor: int = 0) -> None:
        self.failures = list(failures)
        self.seqs: list[int] = []
        self.batches: list[int] = []
        self.cursor = cursor

    def step(self, rows: Sequence[Row]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.seqs += [each.seq for each in rows]
        self.batches.append(len(rows))
        self.cursor = rows[-1].seq


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Follower]]:
    """Starts followers with short pauses, and stops them in the end."""
    monkeypatch.setattr(worker, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(worker, "BACKOFF_MAX_S", 0.004)
    started: list[Follower] = []

    def start(journal: Journalled, output: Output, batch_max: int = 3, **more: Callable[[], None]) -> Follower:
        follower = Follower(
            "test", journal, output.step, cursor=lambda: output.cursor, batch_max=batch_max, poll_ms=1, **more
        )
        started.append(follower)
        return follower.start()

    yield start
    for follower in started:
        follower.stop()


def test_every_row_is_handed_over_in_order(following: Callable[..., Follower]) -> None:
    """All rows reach the step once, in order, in batches no larger than allowed."""
    output = Output()
    follower = following(Journalled(8), output)
    until(lambda: follower.position == 8)
    assert output.seqs == list(range(1, 9))
    assert output.batches == [3, 3, 2]


def test_it_begins_after_the_durable_cursor(following: Callable[..., Follower]) -> None:
    """What the output already holds is not handed over again."""
    output = Output(cursor=5)
    follower = following(Journalled(7), output)
    until(lambda: follower.position == 7)
    assert output.seqs == [6, 7]


def test_rows_that_come_later_are_noticed(following: Callable[..., Follower]) -> None:
    """A quiet follower sees what is journalled after it caught up."""
    journal, output = Journalled(3), Output()
    follower = following(journal, output)
    until(lambda: follower.position == 3)
    journal.append()
    until(lambda: follower.position == 4)
    assert output.seqs == [1, 2, 3, 4]


def test_an_unavailable_backend_is_waited_for(following: Callable[..., Follower]) -> None:
    """A batch the backend could not take is tried again, and the problem is gone afterwards."""
    output = Output(*[Unavailable("down")] * 4)
    follower = following(Journalled(4), output)
    until(lambda: follower.position == 4)
    assert output.seqs == [1, 2, 3, 4]
    assert follower.problem is None


def test_the_problem_is_told_while_it_lasts(following: Callable[..., Follower]) -> None:
    """While the backend is away, the follower says so, stays where it is, and can be stopped."""
    output = Output(*[Unavailable("down")] * 1_000_000)
    follower = following(Journalled(1), output)
    until(lambda: follower.problem == "down")
    follower.stop()
    assert (follower.position, follower.ended) == (0, True)


@pytest.mark.parametrize("error", [Damaged("broken", "look"), KeyError("a defect")], ids=["damaged", "defect"])
def test_damage_ends_it_before_the_row(following: Callable[..., Follower], error: Exception) -> None:
    """An error that waiting cannot heal ends the follower with the reason; the row is not passed over."""
    output = Output(error)
    follower = following(Journalled(2), output)
    until(lambda: follower.ended)
    assert follower.position == 0
    assert follower.problem is not None
    assert str(error).strip("'") in follower.problem


def test_a_cursor_that_cannot_be_read_is_waited_for(following: Callable[..., Follower]) -> None:
    """Nothing is handed over before the durable cursor is known."""
    answers: list[int | Exception] = [Unavailable("down"), Unavailable("down"), 1]

    def cursor() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    output = Output()
    follower = Follower("test", Journalled(2), output.step, cursor=cursor, batch_max=9, poll_ms=1).start()
    until(lambda: follower.position == 2)
    follower.stop()
    assert output.seqs == [2]


def test_the_tick_comes_without_rows(following: Callable[..., Follower]) -> None:
    """A quiet journal still gives the step's owner its turn."""
    ticked = threading.Event()
    following(Journalled(0), Output(), tick=ticked.set)
    assert ticked.wait(10)
