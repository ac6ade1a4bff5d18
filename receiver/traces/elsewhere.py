"""Which traces have entries by the index, where several receivers put theirs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from otel_audit.entry import Entry
from receiver.traces.audited import LACKING_MAX
from receiver.traces.span import Trace

#: Traces asked about at once.
ASKED_MAX = 500


class Placed(Protocol):
    """An entry and the partition it is in."""

    @property
    def partition(self) -> str: ...
    @property
    def entry(self) -> Entry: ...


class Index(Protocol):
    """What traces need of the index of entries."""

    def amend(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None = None
    ) -> bool:
        """Tell an entry of that span what its trace showed; False while the entry is not there yet."""

    def of_traces(self, traces: Collection[Trace], limit: int) -> Sequence[Placed]:
        """At most *limit* of the entries of these traces."""

    def is_shared(self, log: str) -> bool:
        """Whether receivers with other logs put their entries there, too."""


def entries_of(index: Index, traces: Sequence[Trace]) -> Iterator[Placed]:
    """The entries of *traces*, in one question when they are few; of one trace as many as may be told something."""
    found = index.of_traces(traces, LACKING_MAX)
    if len(found) < LACKING_MAX or len(traces) == 1:
        yield from found
        return
    half = len(traces) // 2
    yield from entries_of(index, traces[:half])
    yield from entries_of(index, traces[half:])
