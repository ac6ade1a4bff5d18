"""The queue on disk: in order, bounded, whole after whatever happened to the disk."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from receiver.forward.batch import Batch, Waiting
from receiver.forward.disk import DiskQueue
from receiver.forward.segment_log import SegmentLog
from receiver.segments import FRAME_BYTES
from tests.receiver.forward.forwarding import until

MAX_BYTES = 1 << 20


def body(number: int, size: int = 1000) -> bytes:
    return f"{number:06d}".encode() * (size // 6 + 1)


@pytest.fixture
def clock() -> Callable[[], int]:
    """Each process begins far behind the last one's positions, as with a real clock."""
    times: Iterator[int] = count(10**9, 10**9)
    return lambda: next(times)


def with_queue(
    directory: Path, what: Callable[[DiskQueue], Awaitable[None]], at_hand: int = 8000, batch: int = 4000
) -> int:
    """Run *what* with an open queue; what its end lost."""

    async def run() -> int:
        queue = DiskQueue(directory, MAX_BYTES, Waiting(batch, 0), at_hand)
        await queue.start()
        await what(queue)
        queue.close()
        return await queue.stop()

    return asyncio.run(run())


async def taken(queue: DiskQueue, requests: int) -> list[bytes]:
    """The next *requests* bodies, done as soon as they are taken."""
    found: list[bytes] = []
    while len(found) < requests:
        async with asyncio.timeout(20):
            batch = await queue.take()
        assert batch is not None
        found += batch.bodies
        queue.done(batch)
    return found


def test_much_more_than_memory_holds_comes_in_order(tmp_path: Path):
    """What was not at hand is read back; nothing twice, nothing missing, though more is put meanwhile."""
    bodies = [body(number) for number in range(700)]

    async def what(queue: DiskQueue) -> None:
        assert all(map(queue.put, bodies[:500]))
        await until(lambda: not queue._unwritten_bytes)
        assert queue._waiting.size <= 9100
        first = await taken(queue, 100)
        assert all(map(queue.put, bodies[500:]))
        assert first + await taken(queue, 700 - len(first)) == bodies

    with_queue(tmp_path, what)
    assert list(tmp_path.glob("*.seg")) == []


def test_a_batch_that_is_not_done_comes_again(tmp_path: Path):
    """Though later ones were: everything from the first open one on, and nothing before it."""
    bodies = [body(number) for number in range(60)]

    async def first(queue: DiskQueue) -> None:
        assert all(map(queue.put, bodies))
        batches: list[Batch] = []
        for _ in range(3):
            batch = await queue.take()
            assert batch is not None
            batches.append(batch)
        queue.done(batches[0])
        queue.done(batches[2])
        done.append(len(batches[0].parts))

    async def second(queue: DiskQueue) -> None:
        assert await taken(queue, 60 - done[0]) == bodies[done[0] :]

    done: list[int] = []
    assert with_queue(tmp_path, first) == 0
    with_queue(tmp_path, second)


def test_what_was_put_last_is_written_at_the_end(tmp_path: Path):
    """Nobody took anything, and the process ended at once."""

    async def first(queue: DiskQueue) -> None:
        assert queue.put(body(1))

    async def second(queue: DiskQueue) -> None:
        assert await taken(queue, 1) == [body(1)]

    assert with_queue(tmp_path, first) == 0
    with_queue(tmp_path, second)


def test_it_is_bounded_on_disk(tmp_path: Path):
    """What does not fit is refused, and there is room again when the backend has taken some."""

    async def what(queue: DiskQueue) -> None:
        fitting = 0
        while queue.put(body(fitting, 9000)):
            fitting += 1
            await asyncio.sleep(0)
        await until(lambda: not queue._unwritten_bytes)
        assert sum(path.stat().st_size for path in tmp_path.glob("*.seg")) <= MAX_BYTES
        # What is not written yet is bounded too, and on a slow disk by more.
        assert 0 < fitting <= MAX_BYTES // (len(body(0, 9000)) + FRAME_BYTES)
        await taken(queue, 60)
        await until(lambda: queue.put(body(0)))

    with_queue(tmp_path, what)


def test_a_full_disk_costs_what_memory_cannot_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """While nothing can be written requests go on from memory; what it has no room for is lost, and counted."""

    async def what(queue: DiskQueue) -> None:
        def full(bodies: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(queue._log, "append", full)
            for number in range(20):
                queue.put(body(number))
            await until(lambda: queue.lost["disk"])
            kept = 20 - queue.lost["disk"]
            assert await taken(queue, kept) == [body(number) for number in range(kept)]
        queue.put(body(99))
        assert await taken(queue, 1) == [body(99)]

    with_queue(tmp_path, what)


def test_a_short_write_leaves_whole_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the disk took of the last request is cut off again: the next one can be read."""
    log = SegmentLog(tmp_path, MAX_BYTES)
    log.append([body(1)])

    class Short:
        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, data: bytes) -> int:
            return self.file.write(data[:100])

        def fileno(self) -> int:
            return self.file.fileno()

    with monkeypatch.context() as patch:
        patch.setattr(log, "_file", Short(log._file))
        with pytest.raises(OSError, match="full"):
            log.append([body(2)])
    log.append([body(3)])
    assert [part.body for part in log.read(0, MAX_BYTES)] == [body(1), body(3)]
    log.close(0)


@pytest.mark.parametrize("damage", ["cut", "flip", "zeros"])
def test_damage_costs_no_more_than_its_segment(damage: str, tmp_path: Path, clock: Callable[[], int]):
    """After a power cut the rest is sent, the torn segment is counted once, and nothing is stuck."""
    size = MAX_BYTES // 8
    for start in (1, 2, 3):
        log = SegmentLog(tmp_path, MAX_BYTES, clock)
        log.append([body(start, size // 2), body(10 + start, size // 4)])
        log.close(0)
    second = sorted(tmp_path.glob("*.seg"))[1]
    data = second.read_bytes()
    torn = {"cut": data[:-9], "flip": data[:-9] + b"?" + data[-8:], "zeros": data + bytes(4096)}[damage]
    second.write_bytes(torn)
    lost = [] if damage == "zeros" else [body(12, size // 4)]
    whole = [body(n + start, size // (2 if n == 0 else 4)) for start in (1, 2, 3) for n in (0, 10)]

    async def what(queue: DiskQueue) -> None:
        expected = [each for each in whole if each not in lost]
        assert await taken(queue, len(expected)) == expected
        assert queue.lost["damaged"] == 1
        queue.put(body(99))
        assert await taken(queue, 1) == [body(99)]

    with_queue(tmp_path, what, at_hand=300)
    assert list(tmp_path.glob("*.seg")) == []


@pytest.mark.parametrize("cursor", ["", "nonsense", None])
def test_a_lost_cursor_sends_all_again(cursor: str | None, tmp_path: Path):
    """Twice is better than never."""
    log = SegmentLog(tmp_path, MAX_BYTES)
    parts = log.append([body(1), body(2)])
    log.close(parts[0].end)
    if cursor is None:
        (tmp_path / "cursor").unlink()
    else:
        (tmp_path / "cursor").write_text(cursor)

    async def what(queue: DiskQueue) -> None:
        assert await taken(queue, 2) == [body(1), body(2)]

    with_queue(tmp_path, what)


def test_files_are_private(tmp_path: Path):
    """Requests hold what services do."""
    log = SegmentLog(tmp_path / "queue", MAX_BYTES)
    log.append([body(1)])
    assert {path.stat().st_mode & 0o077 for path in [tmp_path / "queue", *(tmp_path / "queue").glob("*.seg")]} == {0}
    log.close(0)


def test_a_segment_that_cannot_be_read_costs_itself_alone(tmp_path: Path, clock: Callable[[], int]):
    """Neither read nor removed: it is counted, what lies behind it is sent, and the queue goes on."""
    for number in (1, 2, 3):
        log = SegmentLog(tmp_path, MAX_BYTES, clock)
        log.append([body(number, 1000)])
        log.close(0)
    second = sorted(tmp_path.glob("*.seg"))[1]
    second.unlink()
    second.mkdir()

    async def what(queue: DiskQueue) -> None:
        assert await taken(queue, 2) == [body(1, 1000), body(3, 1000)]
        assert queue.lost["damaged"] == 1
        queue.put(body(99))
        assert await taken(queue, 1) == [body(99)]

    assert with_queue(tmp_path, what, at_hand=300) == 0


def test_a_request_larger_than_what_may_wait_for_the_disk_is_taken_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Whatever the receiver takes can be forwarded; behind it there is no room until it is written."""
    monkeypatch.setattr("receiver.forward.disk.UNWRITTEN_MAX_BYTES", 1000)

    async def what(queue: DiskQueue) -> None:
        await asyncio.sleep(0)
        assert queue.put(body(1, 5000))
        assert not queue.put(body(2))
        assert await taken(queue, 1) == [body(1, 5000)]
        await until(lambda: queue.put(body(3)))

    with_queue(tmp_path, what)
