"""The follower's step that puts journalled entries into the index."""

from collections.abc import Sequence
from typing import NamedTuple

from otel_audit.canonical import unix_ns
from receiver.clock import Clock, now_ns
from receiver.index.partition import Partitioning, current_and_next, partition_of
from receiver.index.port import EntryIndex, Filed
from receiver.refused import Refusal, Refuse, nowhere
from receiver.row import Row, entry_of


class Restored(NamedTuple):
    """Entries that were put over what stood of them, and those among them of which nothing did."""

    entries: Sequence[Filed]
    lost: Sequence[Filed]


class Indexer:
    """Puts the entries of one journal into one index, with the place reached beside them.

    A row of which no entry can be made is handed to *refuse*: it stops no other.
    """

    def __init__(
        self,
        index: EntryIndex,
        log: str,
        partitioning: Partitioning,
        clock: Clock = now_ns,
        *,
        refuse: Refuse = nowhere,
    ) -> None:
        self._index = index
        self._log = log
        self._partitioning = partitioning
        self._refuse = refuse
        self._clock = clock
        self._prepared: set[str] = set()

    def cursor(self) -> int:
        """The last row that is in the index, or was passed by."""
        return self._index.cursor(self._log)

    def prepare(self) -> None:
        """See to it that this moment's partition and the next exist: entries never wait for one to be made."""
        self._prepare(current_and_next(self._clock(), self._partitioning))

    def step(self, rows: Sequence[Row]) -> None:
        """Make *rows* findable. What is no entry only moves the cursor."""
        filed = self._filed(rows)
        self._prepare([each.partition for each in filed])
        self._index.put(self._log, filed, cursor=rows[-1].seq)

    def restore(self, rows: Sequence[Row], partition: str | None = None) -> Restored:
        """Put the entries of *rows*, of one *partition* where that is said, over what stands of them."""
        entries = [each for each in self._filed(rows) if partition in (None, each.partition)]
        return Restored(entries, self._index.restore(self._log, entries) if entries else ())

    def _filed(self, rows: Sequence[Row]) -> list[Filed]:
        filed: list[Filed] = []
        refusals: list[Refusal] = []
        for row in rows:
            if row.kind != "entry":
                continue
            try:
                filed.append(self._file(row))
            except Exception as error:  # whatever it is about this one row, its neighbours are indexed
                reason = f"no entry can be made of it: {error!r}"
                refusals.append(Refusal(row.seq, row.tenant, reason[:500], row.values))
        if refusals:
            self._refuse(refusals)
        return filed

    def _file(self, row: Row) -> Filed:
        entry = entry_of(row, self._log)
        partition = partition_of(unix_ns(entry.timestamp), row.outlier, self._partitioning)
        return Filed(partition, entry, row.digest, row.seq)

    def _prepare(self, partitions: Sequence[str]) -> None:
        missing = sorted(set(partitions) - self._prepared)
        if missing:
            self._index.prepare(missing)
            self._prepared.update(missing)
