"""For the tests of applications: what was recorded, as entries, without any server.

def test_stock_is_corrected():
    with capture() as entries:
        correct("SKU-1", 35)
    assert entries[0].new_state == {"stock": 35}
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import otel_audit
from otel_audit import wire
from otel_audit._carrier import Event
from otel_audit._recorder import Recorder
from otel_audit.canonical import rfc3339
from otel_audit.entry import Entry

#: The time of every captured event unless another is asked for: 2026-01-01T00:00:00Z.
FIXED_NS = 1_767_225_600_000_000_000


@contextmanager
def capture(now_ns: int = FIXED_NS) -> Iterator[list[Entry]]:
    """Everything recorded inside, in order; nothing is sent. Ids count from 1, and the clock stands still.

    The entries are read back from the wire form, so a test sees what the receiver would.
    """
    entries: list[Entry] = []

    def keep(event: Event) -> bool:
        entries.append(_entry(event))
        return True

    ids = itertools.count(1)
    recorder = Recorder(keep, now_ns=lambda: now_ns, new_id=lambda: f"00000000-0000-7000-8000-{next(ids):012x}")
    with otel_audit.recording_with(recorder):
        yield entries


def _entry(event: Event) -> Entry:
    said = wire.read_event(event.name, event.attributes)
    said["trace_id"] = f"{event.trace_id:032x}"
    said["span_id"] = f"{event.parent_span_id:016x}" if event.parent_span_id else None
    return Entry(timestamp=rfc3339(event.time_ns), **said)
