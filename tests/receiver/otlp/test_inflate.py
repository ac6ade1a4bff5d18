"""Compressed bodies."""

import gzip
import random
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard

from receiver.errors import Refused, TooLarge
from receiver.otlp.inflate import gunzip, unzstd


def test_it_inflates() -> None:
    """One member or several, up to exactly the limit."""
    assert gunzip(gzip.compress(b"one"), 3) == b"one"
    assert gunzip(gzip.compress(b"one") + gzip.compress(b"two"), 6) == b"onetwo"
    assert gunzip(gzip.compress(b""), 3) == b""


@pytest.mark.parametrize(
    "body",
    [b"nope", gzip.compress(b"x" * 99)[:-3], gzip.compress(b"x")[:5] + b"\xff" * 20],
    ids=["none", "cut-short", "garbled"],
)
def test_a_broken_stream_is_refused(body: bytes) -> None:
    """Not gzip, cut short, garbled."""
    with pytest.raises(Refused):
        gunzip(body, 1000)


def test_a_bomb_does_not_go_off() -> None:
    """However much a stream promises, no more than the limit is ever held."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        gunzip(bomb, 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_bomb_of_many_members_does_not_go_off() -> None:
    """The limit is for all members together."""
    with pytest.raises(TooLarge):
        gunzip(gzip.compress(bytes(600)) * 2, 1000)


def test_zstd_inflates() -> None:
    """One frame or several, of known or unknown size, up to exactly the limit."""
    one, two = zstandard.compress(b"one"), zstandard.ZstdCompressor(write_content_size=False).compress(b"two")
    assert unzstd(one, 3) == b"one"
    assert unzstd(one + two, 6) == b"onetwo"
    assert unzstd(zstandard.compress(b""), 3) == b""
    big = random.Random(1).randbytes(50_000) * 3
    assert unzstd(zstandard.compress(big) + one, 200_000) == big + b"one"


@pytest.mark.parametrize(
    "body", [b"nope", zstandard.compress(b"x" * 99)[:-3], zstandard.compress(b"x")[:5] + b"\xff" * 20]
)
def test_a_broken_frame_is_refused(body: bytes) -> None:
    """Not zstd, cut short, garbled."""
    with pytest.raises(Refused):
        unzstd(body, 1000)


def test_a_zstd_bomb_does_not_go_off() -> None:
    """A gigabyte in thirty kilobytes: no more than a step is ever held."""
    bomb = zstandard.compress(bytes(1 << 30))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        unzstd(bomb, 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000


def test_a_window_beyond_what_all_decoders_take_is_refused() -> None:
    """It would have us hold as much as the sender likes."""
    wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
    with pytest.raises(Refused):
        unzstd(wide.compress(random.Random(1).randbytes(9_000_000)), 10_000_000)


@pytest.mark.parametrize(
    ("inflate", "part"), [(gunzip, gzip.compress(b"")), (unzstd, zstandard.compress(b""))], ids=["gzip", "zstd"]
)
def test_endless_empty_parts_are_refused(inflate: Callable[[bytes, int], bytes], part: bytes) -> None:
    """They hold nothing, and each costs a copy of the rest."""
    assert inflate(part * 1000, 10) == b""
    with pytest.raises(Refused, match="more than 1024"):
        inflate(part * 200_000, 10)
