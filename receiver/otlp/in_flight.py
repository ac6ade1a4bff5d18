"""The requests that a door answers at once, bounded in number and in bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

from receiver.errors import Busy


class Held:
    """The bytes of one request that is being answered."""

    __slots__ = ("_all", "size")

    def __init__(self, everything: "InFlight") -> None:
        self._all = everything
        self.size = 0

    def add(self, size: int) -> None:
        """Note *size* bytes more; Busy when the others leave no room for them."""
        self._all.take(size, self.size)
        self.size += size


class InFlight:
    """What one door holds, in its event loop; what is beyond is told to come again."""

    def __init__(self, requests_max: int, bytes_max: int) -> None:
        self.requests = 0
        self._requests_max = requests_max
        self._bytes = 0
        self._bytes_max = bytes_max

    @contextmanager
    def request(self) -> Iterator[Held]:
        """One more request while the block runs; Busy when there are too many."""
        if self.requests >= self._requests_max:
            raise Busy("too many requests at once")
        held = Held(self)
        self.requests += 1
        try:
            yield held
        finally:
            self.requests -= 1
            self.give(held.size)

    def take(self, size: int, held: int) -> None:
        """Room for *size* bytes beside *held* of the same request; one that is alone always has it."""
        if self._bytes + size > self._bytes_max and self._bytes > held:
            raise Busy("too many bytes at once")
        self._bytes += size

    def give(self, size: int) -> None:
        """So many bytes are held no more."""
        self._bytes -= size
