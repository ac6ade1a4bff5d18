"""What is open on a session or a connection, and how it ends."""

import itertools
import logging

from otel_audit._transaction import Transaction

_log = logging.getLogger("otel_audit")

ROLLED_BACK = "the transaction was rolled back"
WITHOUT_COMMIT = "the transaction ended without commit"


class Part(Transaction):
    """A transaction or savepoint that may turn out to be inside another one, and to outlast it."""

    __slots__ = ("undone",)

    def __init__(self, outer: Transaction | None = None) -> None:
        super().__init__(outer)
        self.undone = False

    def join(self, outer: Transaction | None) -> None:
        """From here on it is inside *outer*."""
        self._outer = outer

    def committed(self) -> None:
        """See :meth:`Transaction.committed`. An outer one that has ended already has decided."""
        while isinstance(self._outer, Part) and self._outer.ended:
            if self._outer.undone:
                self.rolled_back()
                return
            self._outer = self._outer._outer
        super().committed()

    def rolled_back(self, reason: str = ROLLED_BACK) -> None:
        """See :meth:`Transaction.rolled_back`."""
        self.undone = True
        super().rolled_back(reason)


#: A savepoint's key until its statement tells its name: the event comes before SQLAlchemy has made one.
UNNAMED = ""
#: In which order transactions began, on whatever.
_order = itertools.count()


class Opened:
    """What is open on one session or connection: its transaction and the savepoints in it, outermost first.

    Holds neither of them, so that it can outlive them.
    """

    def __init__(self) -> None:
        self._transactions: list[tuple[int | str, Part]] = []
        self.since = 0
        #: Whether anything was written since the outermost began.
        self.wrote = False
        #: Whether some of that was written in autocommit: no rollback undoes it.
        self.stands = False
        #: Why the COMMIT did not commit, where it was tried.
        self.uncommitted: str | None = None
        #: The transaction whose end is known before it ends, and whether it is a commit.
        self.known: tuple[int | str, bool] | None = None
        self.closing = False

    def __bool__(self) -> bool:
        return bool(self._transactions)

    @property
    def current(self) -> Part | None:
        """What is recorded now belongs to."""
        return self._transactions[-1][1] if self._transactions else None

    @property
    def outermost(self) -> Part | None:
        """The transaction itself."""
        return self._transactions[0][1] if self._transactions else None

    def begin(self, key: int | str) -> None:
        """A transaction, or a savepoint inside it, begins; *key* names it."""
        outer = self.current
        if outer is None:
            self.since = next(_order)
            self.wrote = self.stands = self.closing = False
            self.known = self.uncommitted = None
        self._transactions.append((key, Part(outer)))

    def call(self, name: str) -> None:
        """The innermost, a savepoint that had no name yet, is *name*."""
        if self._transactions and self._transactions[-1][0] == UNNAMED:
            self._transactions[-1] = (name, self._transactions[-1][1])

    def forget(self) -> None:
        """It is told of elsewhere."""
        self._transactions.clear()

    def knows(self, key: int | str) -> bool:
        """Whether *key* names one that is open."""
        return any(named == key for named, _ in self._transactions)

    def end(self, key: int | str) -> None:
        """The transaction *key* has ended, as :attr:`known`; if that is not known, by closing."""
        place = next((at for at in reversed(range(len(self._transactions))) if key == self._transactions[at][0]), None)
        if place is None:
            return
        ended = self._transactions[place:]
        del self._transactions[place:]
        named, transaction = ended[0]
        known, self.known = self.known, None
        for _, inner in reversed(ended[1:]):
            inner.committed()  # to the outer one, whose end decides
        if self.stands:
            transaction.committed()
        elif self.uncommitted is not None and not place:
            transaction.rolled_back(self.uncommitted)
        elif known is not None and known[0] == named:
            transaction.committed() if known[1] else transaction.rolled_back()
        elif place or not self.wrote:
            transaction.committed()  # nothing was undone; a savepoint's events go the way of the outer transaction
        else:
            transaction.rolled_back(WITHOUT_COMMIT)

    def thrown_away(self) -> None:
        """Session or connection went without a word: as if closed. Nobody hears what is raised in here."""
        try:
            if self._transactions:
                self.end(self._transactions[0][0])
        except Exception:
            _log.exception("events of a transaction thrown away could not be told")
