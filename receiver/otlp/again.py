"""A quarantined event read again: what could not be read once, a newer version may read."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace

import orjson

from otel_audit.redact import Redactor
from receiver.claims import Claims
from receiver.clock import Clock, now_ns
from receiver.otlp.events import log_events, span_events
from receiver.otlp.extract import Reception, extract
from receiver.row import Draft, Row

#: A draft for the journal, or what is wrong with it still.
Outcome = Draft | str


class Again:
    """Reads as if for the first time: as of then, from that sender, who may claim what its credential may now."""

    def __init__(
        self,
        claims_of: Callable[[str | None], Claims],
        oldest_days: int,
        clock: Clock = now_ns,
        redactor: Redactor | None = None,
    ) -> None:
        self._claims_of = claims_of
        self._oldest_days = oldest_days
        self._clock = clock
        self._redactor = redactor or Redactor()

    def read(self, row: Row) -> Outcome:
        """What a row of kind ``quarantined`` that holds a request becomes now."""
        kept = orjson.loads(row.values)
        events = log_events if kept.get("signal") == "logs" else span_events
        sender = kept["sender"]
        reception = Reception(
            row.received_ns,
            row.tenant,
            sender["id"],
            sender["peer"],
            self._oldest_days,
            self._claims_of(sender["id"]),
            redactor=self._redactor,
        )
        extracted = extract(events(b64decode(kept["raw"])), reception)
        if extracted.quarantined:
            return str(orjson.loads(extracted.quarantined[0].values)["reason"])
        for draft in (*extracted.entries, *extracted.reports):
            # Journalled now: rows stand in the order in which they came to stand there.
            return replace(draft, received_ns=self._clock())
        return "it holds no audit event"
