"""The receiver's own entries."""

from receiver.config import OURSELVES
from receiver.own import own_draft
from receiver.row import Row, entry_of


def test_an_own_entry_reads_as_any_other() -> None:
    """It says who the receiver is, what it did, and in which trace."""
    draft = own_draft("audit.receiver.start.success", {"audit.metadata.pid": 7}, 1_790_000_000_000_000_000)
    row = Row(1, "entry", draft.tenant, draft.event_id, 0, draft.values, draft.seen, False, draft.received_ns)
    entry = entry_of(row, "log")
    assert (entry.action, entry.outcome, entry.service_name) == ("audit.receiver.start.success", "success", OURSELVES)
    assert entry.metadata == {"pid": 7}
    assert entry.sender is not None
    assert entry.sender.id == OURSELVES
    assert entry.trace_id is not None
    assert entry.span_id is not None


def test_two_own_entries_are_two() -> None:
    """The same said twice in one nanosecond is two entries."""
    first, second = (own_draft("audit.receiver.stop.success", {}, 1) for _ in range(2))
    assert first.event_id != second.event_id
    assert first.digest != second.digest
