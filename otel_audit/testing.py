"""For the tests of applications: what was recorded, as entries, without any server.

def test_stock_is_corrected():
    with capture() as entries:
        correct("SKU-1", 35)
    assert entries[0].new_state == {"stock": 35}

With pytest, ``pytest_plugins = ["otel_audit.testing"]`` in ``conftest.py`` gives the fixture ``audit_entries``: the
entries of the test that asks for it.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import otel_audit
from otel_audit import _wrong, wire
from otel_audit._enforced import Ask
from otel_audit._event import Event
from otel_audit._pending import failed
from otel_audit._queue import Item
from otel_audit._recorder import Recorder
from otel_audit.canonical import rfc3339
from otel_audit.entry import Entry

#: The time of every captured event unless another is asked for: 2026-01-01T00:00:00Z.
FIXED_NS = 1_767_225_600_000_000_000


@contextmanager
def capture(now_ns: int = FIXED_NS) -> Iterator[list[Entry]]:
    """Everything recorded inside, in order; nothing is sent. Ids count from 1, and the clock stands still.

    The entries are read back from the wire form, so a test sees what the receiver would. A wrong call raises, as in
    development mode; ``enforced`` has a receipt at once; inside a transaction entries come with its end.
    """
    entries: list[Entry] = []
    ids = itertools.count(1)
    recorder = Recorder(
        _Kept(entries.append),
        strict=True,
        now_ns=lambda: now_ns,
        new_id=lambda: f"00000000-0000-7000-8000-{next(ids):012x}",
    )
    with otel_audit.recording_with(recorder), _wrong.in_development():
        yield entries


try:
    import pytest
except ImportError:  # an application's tests may use another runner
    pass
else:

    @pytest.fixture
    def audit_entries() -> Iterator[list[Entry]]:
        """What this test records; see :func:`capture`."""
        with capture() as entries:
            yield entries


class _Kept:
    """An outlet that keeps what it is given, as entries."""

    def __init__(self, keep: Callable[[Entry], None]) -> None:
        self._keep = keep
        self._numbers = itertools.count(1)

    def put(self, event: Event, span: object, guarantee: str) -> None:
        self._keep(_entry(event))

    def ask(self, event: Event, span: object) -> Ask:
        self._keep(_entry(event))
        number = next(self._numbers)
        ask = Ask(Item(number, event), time.monotonic(), kept=False, settled=lambda *_: None)
        ask.future.set_result(f"captured {number}-{number}")
        return ask

    def hold(self, event: Event, span: object, guarantee: str) -> "_Pending":
        return _Pending(event, lambda event: self._keep(_entry(event)))

    def noted(self) -> None: ...

    def failed(self) -> bool:
        return True


class _Pending:
    """See :class:`otel_audit._transaction.Pending`."""

    def __init__(self, event: Event, keep: Callable[[Event], None]) -> None:
        self._event = event
        self._keep: Callable[[Event], None] | None = keep

    def release(self) -> None:
        self._end(self._event)

    def fail(self, reason: str) -> None:
        said = failed(self._event.said, reason)
        self._end(self._event if said is None else self._event._replace(said=said))

    def _end(self, event: Event) -> None:
        keep, self._keep = self._keep, None
        if keep is not None:
            keep(event)


def _entry(event: Event) -> Entry:
    said = wire.read_event(*event.read())
    said["trace_id"] = f"{event.trace_id:032x}"
    said["span_id"] = f"{event.parent_span_id:016x}" if event.parent_span_id else None
    return Entry(timestamp=rfc3339(event.time_ns), **said)
