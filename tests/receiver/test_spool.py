"""The spool: spans handed over in order, bounded, and never in the way."""

import itertools
from pathlib import Path

import pytest

from receiver.spool import SpoolReader, SpoolWriter

MB = 1024 * 1024


def writer(path: Path, max_bytes: int = 64 * MB) -> SpoolWriter:
    return SpoolWriter(path, max_bytes)


def bodies(path: Path, position: int = 0, max_bytes: int = 1 << 40) -> list[bytes]:
    return [spooled.body for spooled in SpoolReader(path).read(position, max_bytes)]


def test_what_is_written_is_read_in_order(tmp_path: Path) -> None:
    """Requests come out as they went in, with their tenant and time."""
    spool = writer(tmp_path)
    spool.append("default", 5, b"one")
    spool.append("other", 6, b"two")
    spool.close()
    found = SpoolReader(tmp_path).read(0, 1 << 20)
    assert [(s.tenant, s.received_ns, s.body) for s in found] == [("default", 5, b"one"), ("other", 6, b"two")]


def test_reading_goes_on_from_any_end(tmp_path: Path) -> None:
    """The end of one request is the position of the next, over segments and restarts."""
    expected = []
    for start in range(3):
        spool = writer(tmp_path, MB)
        for number in range(3):
            expected.append(bytes([start, number]) * 40_000)
            spool.append("default", 1, expected[-1])
        spool.close()
    reader = SpoolReader(tmp_path)
    position, found = 0, []
    while batch := reader.read(position, 1):
        assert len(batch) == 1
        found.append(batch[0].body)
        position = batch[0].end
    assert found == expected


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_torn_tail_is_skipped(cut: int, tmp_path: Path) -> None:
    """A crash in the middle of a write costs that request alone; the next start goes on behind it."""
    spool = writer(tmp_path)
    spool.append("default", 1, b"whole")
    spool.append("default", 1, b"torn in the middle of it")
    spool.close()
    (segment,) = tmp_path.glob("*.seg")
    segment.write_bytes(segment.read_bytes()[:-cut])
    again = writer(tmp_path)
    again.append("default", 1, b"after")
    again.close()
    assert bodies(tmp_path) == [b"whole", b"after"]


def test_a_zeroed_tail_is_skipped(tmp_path: Path) -> None:
    """A power cut may leave zeros where the last bytes should be."""
    spool = writer(tmp_path)
    spool.append("default", 1, b"whole")
    spool.close()
    (segment,) = tmp_path.glob("*.seg")
    segment.write_bytes(segment.read_bytes() + bytes(100))
    again = writer(tmp_path)
    again.append("default", 1, b"after")
    again.close()
    assert bodies(tmp_path) == [b"whole", b"after"]


def test_positions_never_come_twice(tmp_path: Path) -> None:
    """A reader that was ahead of a directory someone deleted still reads what is written from then on."""
    spool = writer(tmp_path)
    spool.append("default", 1, b"x" * 1000)
    spool.close()
    position = SpoolReader(tmp_path).read(0, 1 << 20)[-1].end
    for segment in tmp_path.glob("*.seg"):
        segment.unlink()
    spool = writer(tmp_path)
    spool.append("default", 1, b"new")
    spool.close()
    assert bodies(tmp_path, position) == [b"new"]


def test_the_oldest_go_first_and_are_counted(tmp_path: Path) -> None:
    """The spool never holds more than it may, whatever the reader does, and says what it dropped."""
    spool = writer(tmp_path, MB)
    for number in range(100):
        spool.append("default", 1, number.to_bytes(2, "big") * 25_000)
        assert sum(segment.stat().st_size for segment in tmp_path.glob("*.seg")) <= MB
    spool.close()
    kept = [int.from_bytes(body[:2], "big") for body in bodies(tmp_path)]
    assert kept == list(range(100 - len(kept), 100))
    assert len(kept) >= 15
    assert spool.dropped >= (100 - len(kept)) * 50_000


def test_a_request_larger_than_the_spool_is_dropped(tmp_path: Path) -> None:
    """It takes nothing else with it."""
    spool = writer(tmp_path, MB)
    spool.append("default", 1, b"small")
    spool.append("default", 1, bytes(2 * MB))
    spool.append("default", 1, b"small too")
    spool.close()
    assert bodies(tmp_path) == [b"small", b"small too"]
    assert spool.dropped > 2 * MB


def test_what_is_forgotten_is_gone_and_makes_room(tmp_path: Path) -> None:
    """Whole segments before the position go; the writer then has their room again."""
    spool = writer(tmp_path, MB)
    reader = SpoolReader(tmp_path)
    position = 0
    for number in itertools.count():
        spool.append("default", 1, bytes(50_000))
        position = reader.read(position, 1)[-1].end
        reader.forget(position)
        if number == 60:
            break
    spool.close()
    assert spool.dropped == 0
    assert len(list(tmp_path.glob("*.seg"))) <= 2


def test_a_full_disk_costs_spans_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails is counted; the next one that works is read again."""
    spool = writer(tmp_path)
    spool.append("default", 1, b"before")

    def fail() -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(spool, "_write", lambda frame: fail())
        spool.append("default", 1, b"lost")
    spool.append("default", 1, b"after")
    spool.close()
    assert bodies(tmp_path) == [b"before", b"after"]
    assert spool.dropped > 0
