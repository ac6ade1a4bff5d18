"""What is in no answer, and what is being done about it: dead letters, refused entries, open requests."""

from pathlib import Path

from receiver.correlate.letters import Kind, Letter, of_refusal, of_row
from receiver.deadletter import DeadletterReader
from receiver.journal import JournalReader
from receiver.refused import RefusedReader
from receiver.requests import Request, RequestsReader


class Aside:
    """Read by any number of threads; the journal by one at a time, which the caller sees to."""

    def __init__(self, data_dir: Path) -> None:
        self._letters = DeadletterReader(data_dir)
        self._refused = RefusedReader(data_dir)
        self._requests = RequestsReader(data_dir)

    def cursor(self, log: str) -> int:
        """The last row of the journal whose place among the letters is known."""
        return self._letters.cursor(log)

    def page(
        self, journal: JournalReader, tenant: str, kind: Kind | None, before: int | None, limit: int
    ) -> tuple[list[Letter], int | None]:
        """At most *limit* letters of one kind or of both, the latest first, and where the next page begins."""
        quarantined = [] if kind == "refused" else self._letters.page(tenant, before, limit + 1)
        refused = [] if kind == "quarantined" else self._refused.page(tenant, before, limit + 1)
        seqs = sorted((*quarantined, *refused), reverse=True)
        found = [self.one(journal, tenant, seq) for seq in seqs[:limit]]
        # One that was put again since the page was read is none any more.
        letters = [each for each in found if each is not None]
        return letters, seqs[limit - 1] if len(seqs) > limit else None

    def one(self, journal: JournalReader, tenant: str, seq: int) -> Letter | None:
        """A letter of *tenant*; None when there is none at that row."""
        if (refusal := self._refused.one(tenant, seq)) is not None:
            return of_refusal(refusal)
        state = self._letters.state(tenant, seq)
        rows = [] if state is None else journal.read(seq - 1, 1)
        return of_row(rows[0], state) if state is not None and rows and rows[0].seq == seq else None

    def refused(self, tenant: str) -> int:
        """How many entries of *tenant* the index does not hold."""
        return self._refused.count(tenant)

    def request(self, tenant: str, request_id: str) -> Request | None:
        """One request."""
        return self._requests.one(tenant, request_id)

    def rebuild(self) -> Request | None:
        """The rebuild that is under way, or waits for its turn."""
        return self._requests.rebuild()

    def close(self) -> None:
        """Let go of the files."""
        for part in (self._letters, self._refused, self._requests):
            part.close()
