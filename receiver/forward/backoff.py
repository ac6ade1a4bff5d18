"""Pauses between attempts: longer and longer, of random length, or as the backend asks."""

import asyncio
from collections.abc import Callable
from random import random

FIRST_S = 0.25
#: No backend makes us wait longer than this, whatever it asks for.
ASKED_MAX_S = 3600.0


class Backoff:
    """Shared by all attempts to reach one backend: attempts that failed together make one pause, not several."""

    def __init__(self, max_s: float, chance: Callable[[], float] = random) -> None:
        self._max_s = max_s
        self._chance = chance
        self._next_s = min(FIRST_S, max_s)
        self._until = 0.0
        #: How many pauses there were since the last success; an attempt tells its failure with the number it began at.
        self.round = 0

    async def pause(self) -> int:
        """Wait until an attempt may be made; the round it belongs to."""
        loop = asyncio.get_running_loop()
        while (left := self._until - loop.time()) > 0:
            await asyncio.sleep(left)
        return self.round

    def failed(self, begun: int, asked_s: float | None = None) -> None:
        """An attempt of round *begun* was told to come later; *asked_s* is the pause it was asked for."""
        now = asyncio.get_running_loop().time()
        if asked_s is not None:
            self._until = max(self._until, now + min(asked_s, ASKED_MAX_S))
        if begun != self.round:
            return
        self.round += 1
        # Never the whole of it at once: those who wait for the same backend are not to come back together.
        self._until = max(self._until, now + self._next_s * (0.5 + self._chance() / 2))
        self._next_s = min(2 * self._next_s, self._max_s)

    def succeeded(self) -> None:
        """The backend takes again."""
        self.round = 0
        self._next_s = min(FIRST_S, self._max_s)
