"""The events of a Django transaction, until it has ended."""

import logging
import os
from collections.abc import Callable, Sequence

from otel_audit._transaction import Awaited, Pending, Transaction
from otel_audit.errors import AuditNotStored

_log = logging.getLogger("otel_audit")

TO_SAVEPOINT = "rolled back to a savepoint"
CONNECTION_LOST = "the connection was closed inside the transaction"


class Held:
    """The events of a transaction. Knows nothing of the connection, so that it can outlive it."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._whole = Transaction()
        #: In the order they were recorded, with the number of the latest savepoint at the time.
        self._parts: list[tuple[int, Transaction]] = []

    def ours(self) -> bool:
        """False in a forked child: the transaction is its parent's, who tells how it ended."""
        return self._pid == os.getpid()

    def part(self, savepoint: int) -> tuple[Transaction, Callable[[], None] | None]:
        """The part to add to, and for a new one what tells that it alone is committed."""
        if self._parts and self._parts[-1][0] == savepoint:
            return self._parts[-1][1], None
        part = Transaction(self._whole)
        self._parts.append((savepoint, part))

        def audit_events_happened() -> None:
            self._parts = [each for each in self._parts if each[1] is not part]
            self._release([part])

        return part, audit_events_happened

    def committed(self) -> None:
        """All that is left happened; raises AuditNotStored once all of it has been released."""
        self._release(self._taken(0))

    def rolled_back(self, reason: str | None = None) -> None:
        """None of it happened."""
        self._fail(self._taken(0), reason)

    def rolled_back_to(self, savepoint: int) -> None:
        """What was recorded since *savepoint* was made did not happen, whatever came of savepoints inside it."""
        self._fail(self._taken(savepoint), TO_SAVEPOINT)

    def thrown_away(self) -> None:
        """The connection is gone, without a word. Runs wherever garbage is collected: nobody hears what it raises."""
        try:
            self.rolled_back(CONNECTION_LOST)
        except Exception:
            _log.exception("events of a transaction thrown away could not be told as failed")

    def _taken(self, savepoint: int) -> list[Transaction]:
        taken = [part for made, part in self._parts if made >= savepoint]
        self._parts = [(made, part) for made, part in self._parts if made < savepoint]
        return taken

    def _release(self, parts: Sequence[Transaction]) -> None:
        if not self.ours():
            return
        whole, self._whole = self._whole, Transaction()
        missing: AuditNotStored | None = None
        for part in (*parts, whole):  # each hands its events to the whole, which releases all and then waits for all
            try:
                part.committed()
            except AuditNotStored as error:
                missing = missing or error
        if missing is not None:
            raise missing

    def _fail(self, parts: Sequence[Transaction], reason: str | None) -> None:
        if not self.ours():
            return
        for part in parts:
            if reason is None:
                part.rolled_back()
            else:
                part.rolled_back(reason)


class Doomed(Transaction):
    """A transaction whose connection is gone while its block goes on."""

    def add(self, pending: Pending) -> None:
        """It cannot happen any more."""
        pending.fail(CONNECTION_LOST)


class Several(Transaction):
    """The transactions of several databases that are open at once."""

    def __init__(self, each: Sequence[Transaction]) -> None:
        super().__init__()
        self._each = each

    def add(self, pending: Pending) -> None:
        """It happened when all have committed, and did not as soon as one is rolled back."""
        shared = _Shared(pending, len(self._each))
        for transaction in self._each:
            transaction.add(shared)


class _Shared:
    """One event that waits for several transactions."""

    def __init__(self, pending: Pending, missing: int) -> None:
        self._pending = pending
        self._missing = missing
        self._failed = False

    def release(self) -> Awaited | None:
        """One more has committed."""
        self._missing -= 1
        return None if self._missing else self._pending.release()

    def fail(self, reason: str) -> None:
        """One was rolled back; the others no longer matter."""
        if not self._failed:
            self._failed = True
            self._pending.fail(reason)
