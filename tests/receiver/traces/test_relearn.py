"""What traces show of entries that the index had lost is told to it once more."""

from collections.abc import Mapping
from typing import Any

import pytest

from otel_audit.canonical import rfc3339
from otel_audit.entry import Entry
from receiver.clock import DAY_NS
from receiver.errors import Unavailable
from receiver.index.port import Filed
from receiver.traces.memory import MemorySpans
from receiver.traces.port import Found
from receiver.traces.relearn import Relearn
from tests.contracts.entries import NOON_NS, PARTITION, entry, event_id
from tests.contracts.spans import TRACE, span


class Spans(MemorySpans):
    """Counts how often it is asked."""

    asked = 0

    def trace(self, tenant: str, trace_id: str) -> Found:
        self.asked += 1
        return super().trace(tenant, trace_id)


class World:
    """Spans, and an index that notes what it is told."""

    def __init__(self) -> None:
        self.spans = Spans(1000)
        self.told: dict[str, dict[str, Any]] = {}
        self.relearn = Relearn(self.spans, self._amend, retain_days=30, clock=lambda: NOON_NS)

    def tell(self, *entries: Entry) -> None:
        self.relearn.tell([Filed(PARTITION, each) for each in entries])

    def _amend(
        self, partition: str, tenant: str, event_id: str, fields: Mapping[str, Any], span_id: str | None = None
    ) -> bool:
        assert (partition, tenant, span_id) == (PARTITION, "default", f"{2:016x}")
        self.told[event_id] = dict(fields)
        return True


@pytest.fixture
def world() -> World:
    made = World()
    made.spans.put([span(1, kind="server", attributes={"http.request.method": "PUT"})])
    made.spans.put([span(2, parent_span_id=f"{1:016x}")])
    return made


def placed(number: int, **fields: Any) -> Entry:
    where = {"trace_id": TRACE, "span_id": f"{2:016x}", "service_name": span(1).service}
    return entry(number, **{"received_at": rfc3339(NOON_NS), **where, **fields})


def test_the_facts_of_a_span_and_of_the_request_above_it_are_told(world: World) -> None:
    """Of each entry what it lacks; its trace is asked once for all of them."""
    world.tell(placed(1), placed(2, span_name="known"))
    assert (world.told[event_id(1)]["span_name"], world.told[event_id(1)]["http_method"]) == ("span 2", "PUT")
    assert "span_name" not in world.told[event_id(2)]
    assert world.told[event_id(2)]["duration_ms"] is not None
    assert world.spans.asked == 1


def test_where_nothing_can_be_known_nothing_is_asked(world: World) -> None:
    """An entry outside any trace, or from before the oldest span that is kept."""
    world.tell(placed(1, trace_id=None), placed(2, received_at=rfc3339(NOON_NS - 32 * DAY_NS)))
    assert (world.spans.asked, world.told) == (0, {})


def test_spans_that_are_away_are_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller asks again."""

    def away(*_: object) -> Found:
        raise Unavailable("away")

    monkeypatch.setattr(world.spans, "trace", away)
    with pytest.raises(Unavailable):
        world.tell(placed(1))
