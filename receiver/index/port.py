"""Where audit entries are found again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from otel_audit.entry import Entry
from receiver.index.query import Position, Query

#: Up to this many matches are counted exactly.
COUNTED_MAX = 10_000


class Filed(NamedTuple):
    """An entry and the partition it belongs to (``2026.11``, ``2026.11.23`` or ``outlier``).

    ``digest`` is what a repeat is compared by, ``seq`` its row in the journal; None where they are not known.
    """

    partition: str
    entry: Entry
    digest: bytes | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """How many entries match; ``exact`` is False when there are more than *value*, which is then COUNTED_MAX."""

    value: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the entries that match, in the query's order; ``next`` is None on the last page."""

    entries: tuple[Entry, ...]
    next: Position | None
    total: Total


@dataclass(frozen=True, slots=True)
class Facets:
    """How often which value stands in a field among the matches, the most frequent first.

    ``exact`` is False where a backend that counts in parts may have missed some.
    """

    counts: Mapping[str, tuple[tuple[str, int], ...]]
    exact: bool


class EntryIndex(Protocol):
    """Where audit entries are found again.

    An index is a cache of the journal: deleting it loses nothing but time. One process writes (``prepare``,
    ``put``, ``amend``); any number of processes and threads read at once. A backend that does not answer
    raises :class:`~receiver.errors.Unavailable`; one that holds what it must not raises
    :class:`~receiver.errors.Damaged`.
    """

    def prepare(self, partitions: Sequence[str]) -> None:
        """Make sure *partitions* exist and are ours, before the first put into each; a repeat is free."""

    def put(self, log: str, filed: Sequence[Filed], cursor: int) -> None:
        """Make the entries, and *cursor* as the place reached in *log*, durable before returning.

        Putting an entry twice stores it once; the first one stands. An index that several receivers fill compares
        the two, and sets a different one aside before the cursor moves. An entry that the backend refuses for good
        is handed on to be kept elsewhere before the cursor moves; the others stand.
        """

    def restore(self, log: str, filed: Sequence[Filed]) -> Sequence[Filed]:
        """Put entries of *log* over what stands of them, made anew; return those that were not there.

        What traces showed later stays, and so does another log's entry of the same id. No cursor moves, and readers
        find an entry at every moment that they found it before.
        """

    def cursor(self, log: str) -> int:
        """The last cursor put for *log*; 0 when there is none."""

    def amend(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None = None
    ) -> bool:
        """Add *fields* (entry field ▶ value) that the trace showed later, and name them in ``seen``.

        Never replaces a field the entry already has; a repeat is harmless. False when the entry is not there yet.
        An entry of another span than *span_id* is another receiver's different one of that id, and left alone.
        """

    def get(self, tenant: str, event_id: str) -> Entry | None:
        """One entry, or None."""

    def of_traces(self, traces: Collection[tuple[str, str]], limit: int) -> Sequence[Filed]:
        """At most *limit* of the entries, the receiver's own too, that stand in these traces (tenant, trace id).

        Their partition is empty where the backend has none.
        """

    def is_shared(self, log: str) -> bool:
        """Whether a receiver with another log than *log* has ever put its entries here."""

    def numbers(self, tenant: str, source_id: str, first: int, last: int, limit: int) -> Sequence[int]:
        """The lowest *limit* of the numbers from *first* to *last* under which a stream's entries stand, ascending.

        Of whatever log; those with an anomaly (an unauthorised claim) do not count. A number may come twice.
        """

    def search(self, query: Query) -> Page:
        """The entries that match. While nothing is put, following pages neither skip nor repeat."""

    def facets(self, query: Query, size: int) -> Facets:
        """Of each field in FACETS at most *size* values; where the page begins and how long it is changes nothing."""

    def close(self) -> None:
        """Let go of files and connections."""
