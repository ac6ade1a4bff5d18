"""Where in the journal to begin again, so that the audited traces of the spans still to come are known."""

from receiver.clock import SECOND_NS
from receiver.journal import JournalReader

#: Spans come so long after the entries of their trace, at most.
LATE_MAX_NS = 3600 * SECOND_NS
#: And so many entries are read again, at most.
ROWS_MAX = 20_000


def begin_at(journal: JournalReader, undecided_ns: int) -> int:
    """The row after which to read, where spans received from *undecided_ns* on are still to be decided on."""
    late = _last_before(journal, undecided_ns - LATE_MAX_NS)
    return max(late, _last_before(journal, undecided_ns) - ROWS_MAX, 0)


def _last_before(journal: JournalReader, received_ns: int) -> int:
    """A row before all entries received from *received_ns* on, found by halving: rows stand in order of receipt."""
    low, high = 0, journal.last_seq()
    while low < high:
        entry = journal.first_after((low + high) // 2)
        if entry is None or entry.received_ns >= received_ns:
            high = (low + high) // 2
        else:
            low = entry.seq
    return low
