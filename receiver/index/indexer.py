"""The follower's step that puts journalled entries into the index."""

from collections.abc import Sequence

from otel_audit.canonical import unix_ns
from receiver.clock import Clock, now_ns
from receiver.index.partition import Partitioning, current_and_next, partition_of
from receiver.index.port import EntryIndex, Filed
from receiver.row import Row, entry_of


class Indexer:
    """Puts the entries of one journal into one index, with the place reached beside them."""

    def __init__(self, index: EntryIndex, log: str, partitioning: Partitioning, clock: Clock = now_ns) -> None:
        self._index = index
        self._log = log
        self._partitioning = partitioning
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
        filed = [self._file(row) for row in rows if row.kind == "entry"]
        self._prepare([each.partition for each in filed])
        self._index.put(self._log, filed, cursor=rows[-1].seq)

    def _file(self, row: Row) -> Filed:
        entry = entry_of(row, self._log)
        return Filed(partition_of(unix_ns(entry.timestamp), row.outlier, self._partitioning), entry, row.digest)

    def _prepare(self, partitions: Sequence[str]) -> None:
        missing = sorted(set(partitions) - self._prepared)
        if missing:
            self._index.prepare(missing)
            self._prepared.update(missing)
