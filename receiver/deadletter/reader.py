"""What is asked about dead letters: which rows they are, and what became of one."""

from pathlib import Path

from receiver.deadletter.table import FILE, State
from receiver.sqlite import Readers

_PAGE = """
    SELECT seq FROM letters WHERE state = 'open' AND tenant = :tenant AND (:before IS NULL OR seq < :before)
    ORDER BY seq DESC LIMIT :limit
"""


class DeadletterReader:
    """Read by any number of threads."""

    def __init__(self, data_dir: Path) -> None:
        self._readers = Readers(data_dir / FILE)

    def cursor(self, log: str) -> int:
        """The last row of the journal that is taken into account."""
        with self._readers.reading() as db:
            found = db.execute("SELECT seq FROM cursor WHERE log = ?", (log,)).fetchone()
        return int(found[0]) if found else 0

    def page(self, tenant: str, before: int | None, limit: int) -> list[int]:
        """At most *limit* rows that were set aside and nothing became of, before *before*, the latest first."""
        with self._readers.reading() as db:
            return [seq for (seq,) in db.execute(_PAGE, {"tenant": tenant, "before": before, "limit": limit})]

    def state(self, tenant: str, seq: int) -> State | None:
        """What became of a row; None when it was not set aside."""
        with self._readers.reading() as db:
            found = db.execute("SELECT state FROM letters WHERE tenant = ? AND seq = ?", (tenant, seq)).fetchone()
        return None if found is None else found[0]

    def close(self) -> None:
        """Let go of the file."""
        self._readers.close()
