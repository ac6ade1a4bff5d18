"""The traces known to have an audit entry, and what those entries still lack."""

from collections import OrderedDict
from collections.abc import Mapping

from receiver.traces.facts import Lacking
from receiver.traces.span import Trace

#: Traces and waiting entries remembered together; about a kilobyte each.
REMEMBERED_MAX = 100_000
#: Entries of one trace that may still be told something.
LACKING_MAX = 1_000


class Audited:
    """Bounded: the trace that was heard of longest ago is forgotten first. A span that comes later is not kept."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._max = remembered_max
        self._traces: OrderedDict[Trace, dict[str, Lacking]] = OrderedDict()
        self._size = 0

    def __contains__(self, trace: Trace) -> bool:
        return trace in self._traces

    def hear_of(self, trace: Trace, wants: Lacking | None) -> None:
        """An entry of *trace* is journalled; *wants* is what it lacks."""
        if trace not in self._traces:
            self._traces[trace] = {}
            self._size += 1
        self._traces.move_to_end(trace)
        entries = self._traces[trace]
        if wants is not None and wants.event_id not in entries and len(entries) < LACKING_MAX:
            entries[wants.event_id] = wants
            self._size += 1
        while self._size > self._max and len(self._traces) > 1:
            _, forgotten = self._traces.popitem(last=False)
            self._size -= 1 + len(forgotten)

    def lacking(self, trace: Trace) -> Mapping[str, Lacking]:
        """Event id ▶ what it lacks, of the entries of *trace* that may still be told something."""
        return dict(self._traces.get(trace, {}))

    def told(self, trace: Trace, event_id: str, fields: frozenset[str]) -> None:
        """The entry has *fields* now."""
        entries = self._traces.get(trace, {})
        wants = entries.get(event_id)
        if wants is None:
            return
        if wants.fields <= fields:
            del entries[event_id]
            self._size -= 1
        else:
            entries[event_id] = wants._replace(fields=wants.fields - fields)
