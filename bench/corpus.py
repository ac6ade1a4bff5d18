"""A shop's past, written straight into a receiver's index and span store: entries and the traces they stand in."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from otel_audit.canonical import rfc3339, unix_ns
from otel_audit.entry import Entry, Integrity
from receiver.clock import DAY_NS, SECOND_NS
from receiver.config import Settings
from receiver.index.open import open_index
from receiver.index.partition import partition_of
from receiver.index.port import Filed
from receiver.journal import Journal
from receiver.traces.open import open_store
from receiver.traces.span import Span

ENTRIES_EACH, SPANS_EACH = 4, 8
#: The past is so long; it ends at :attr:`Corpus.end_ns`.
DAYS = 60
USERS = 5_000
#: The one resource that changed all the time.
BUSY = ("inventory_item", "busy")
CHANGES = 10_000
_SERVICES = ("storefront", "order", "payment", "inventory", "shipping")
_ACTIONS = ("order.create.success", "payment.capture.success", "inventory.update.success", "order.label.print.failed")
_BATCH = 2_000


@dataclass(frozen=True)
class Corpus:
    """So many entries, four to a trace of eight spans, and the changes of one resource among them."""

    entries: int
    end_ns: int

    @property
    def traces(self) -> int:
        """How many there are."""
        return (self.entries - CHANGES) // ENTRIES_EACH

    def trace_id(self, number: int) -> str:
        """Of the *number*-th trace."""
        return f"{number + 1:032x}"

    def write(self, settings: Settings) -> None:
        """Put everything where *settings* say, as of the journal there: its rows are not needed for reading."""
        with closing(Journal.open(settings.data_dir, settings.journal)) as journal:
            log = journal.log
        with closing(open_index(settings, write=True)) as index, closing(open_store(settings, write=True)) as store:
            store.prepare()
            for entries in _in_batches(self._entries(log)):
                filed = [_filed(entry, settings) for entry in entries]
                index.prepare(sorted({each.partition for each in filed}))
                index.put(log, filed, cursor=0)
            for first in range(0, self.traces, _BATCH // SPANS_EACH):
                numbers = range(first, min(self.traces, first + _BATCH // SPANS_EACH))
                store.put([span for number in numbers for span in self._spans(number)])

    def trace_ns(self, number: int) -> int:
        """When the *number*-th trace began."""
        return self.end_ns - DAYS * DAY_NS + number * (DAYS * DAY_NS // max(1, self.traces))

    def _entries(self, log: str) -> Iterator[Entry]:
        for number in range(self.traces):
            yield from (self._entry(number, place, log) for place in range(ENTRIES_EACH))
        for number in range(CHANGES):
            yield self._change(number, log)

    def _entry(self, number: int, place: int, log: str) -> Entry:
        at_ns = self.trace_ns(number) + place * SECOND_NS
        order = f"o-{number}"
        return Entry(
            event_id=_event_id(number * ENTRIES_EACH + place, at_ns),
            timestamp=rfc3339(at_ns),
            received_at=rfc3339(at_ns + SECOND_NS),
            action=_ACTIONS[place],
            outcome="failure" if place == 3 and number % 10 == 0 else "success",
            severity="info",
            user_id=f"u-{number % USERS}",
            session_id=f"s-{number}",
            ip_address=f"10.0.{number % 250}.{number % 199}",
            resource_type="order",
            resource_id=order,
            previous_state={"status": "new", "stock": 50},
            new_state={"status": "paid", "stock": 35, "total": f"{number % 500}.90", "currency": "EUR"},
            related=(f"order:{order}", f"session:s-{number}"),
            request_id=f"r-{number}",
            http_method="POST",
            path="/orders",
            status_code=200,
            trace_id=self.trace_id(number),
            span_id=f"{place + 1:016x}",
            service_name=_SERVICES[place],
            metadata={"order_id": order, "note": "as every day"},
            integrity=Integrity(log=log, index=number * ENTRIES_EACH + place),
        )

    def _change(self, number: int, log: str) -> Entry:
        at_ns = self.end_ns - (CHANGES - number) * SECOND_NS
        return Entry(
            event_id=_event_id(self.traces * ENTRIES_EACH + number, at_ns),
            timestamp=rfc3339(at_ns),
            received_at=rfc3339(at_ns),
            action="inventory.update.success",
            outcome="success",
            severity="info",
            resource_type=BUSY[0],
            resource_id=BUSY[1],
            previous_state={"stock": number},
            new_state={"stock": number + 1},
            service_name="inventory",
            integrity=Integrity(log=log, index=self.traces * ENTRIES_EACH + number),
        )

    def _spans(self, number: int) -> Iterator[Span]:
        at_ns = self.trace_ns(number)
        for place in range(SPANS_EACH):
            yield Span(
                tenant="default",
                trace_id=self.trace_id(number),
                span_id=f"{place + 1:016x}",
                parent_span_id=f"{place:016x}" if place else None,
                name="POST /orders",
                kind="server" if place % 2 == 0 else "client",
                service=_SERVICES[place // 2],
                start_ns=at_ns + place * 1_000_000,
                end_ns=at_ns + (20 - place) * 1_000_000,
                status="unset",
                attributes={"http.request.method": "POST", "url.path": "/orders", "http.response.status_code": 200},
            )


def _event_id(number: int, at_ns: int) -> str:
    """A UUIDv7 of that moment."""
    whole = f"{at_ns // 1_000_000:012x}7{number % 4096:03x}8{number:015x}"
    return f"{whole[:8]}-{whole[8:12]}-{whole[12:16]}-{whole[16:20]}-{whole[20:]}"


def _filed(entry: Entry, settings: Settings) -> Filed:
    return Filed(partition_of(unix_ns(entry.timestamp), False, settings.index.partition), entry)


def _in_batches(entries: Iterator[Entry]) -> Iterator[Sequence[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
