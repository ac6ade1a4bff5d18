"""What the processes have to say, out of their outboxes into the journal."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from receiver.app.life import ends_within
from receiver.errors import ReceiverError
from receiver.outbox import Delivery, Outboxes
from receiver.row import Draft

#: Between two looks into the outboxes.
POLL_S = 0.1


class Drain:
    """Journals drafts through accept, then deletes them: killed in between, it journals nothing twice.

    ``problem`` tells what stands in the way of which outbox; the others are drained meanwhile.
    """

    def __init__(self, outboxes: Outboxes, accept: Callable[[Sequence[Draft]], Awaitable[object]]) -> None:
        self._outboxes = outboxes
        self._accept = accept
        self._problems: dict[str, str] = {}

    @property
    def problem(self) -> str | None:
        """In words; None when all goes well."""
        return "; ".join(f"outbox {process}: {problem}" for process, problem in self._problems.items()) or None

    async def run(self, ended: asyncio.Event) -> None:
        """Drain until *ended*."""
        while not await ends_within(ended, POLL_S):
            await self.once()

    async def once(self) -> None:
        """Drain what waits now."""
        for process in self._outboxes.processes():
            try:
                while (delivery := await asyncio.to_thread(self._outboxes.delivery, process)) is not None:
                    await self._journal(delivery)
            except ReceiverError as error:  # it stays where it is, and is tried again
                self._problems[process] = str(error)
            else:
                self._problems.pop(process, None)

    def facts(self) -> dict[str, Any]:
        """How many drafts wait, by process."""
        return {"outbox": self._outboxes.waiting()}

    async def _journal(self, delivery: Delivery) -> None:
        await self._accept(delivery.drafts)
        # A crash here leaves them in both places; the journal knows them again.
        await asyncio.to_thread(self._outboxes.delete, delivery)
