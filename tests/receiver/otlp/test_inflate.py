"""Compressed bodies."""

import gzip
import tracemalloc

import pytest

from receiver.errors import Refused, TooLarge
from receiver.otlp.inflate import gunzip


def test_it_inflates() -> None:
    """One member or several, up to exactly the limit."""
    assert gunzip(gzip.compress(b"one"), 3) == b"one"
    assert gunzip(gzip.compress(b"one") + gzip.compress(b"two"), 6) == b"onetwo"
    assert gunzip(gzip.compress(b""), 3) == b""


@pytest.mark.parametrize("body", [b"nope", gzip.compress(b"x" * 99)[:-3], gzip.compress(b"x")[:5] + b"\xff" * 20])
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
