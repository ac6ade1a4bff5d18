"""What happens to a request, whichever way it came: bytes in, answer out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otel_audit.redact import Redactor
from receiver.accept import Accept, Accepted
from receiver.clock import Clock, now_ns
from receiver.forward.forwarder import Forwarder
from receiver.otlp import decode
from receiver.otlp.aside import aside
from receiver.otlp.certificate import Certificate
from receiver.otlp.events import MARK, Found, log_events, span_events
from receiver.otlp.extract import Extracted, Reception, extract
from receiver.senders import Sender, Senders
from receiver.signal import TRACES, Signal
from receiver.spool import SpoolWriter

RECEIPT = "otel-audit-receipt"

#: So many broken events are named in an answer; the rest is counted.
NAMED_MAX = 10

_EVENTS: Mapping[str, Callable[[bytes], Iterator[Found]]] = {"traces": span_events, "logs": log_events}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told, an export response, and the receipt to put beside it."""

    message: Any
    receipt: str | None = None


class OtlpService:
    """OTLP's TraceService and LogsService on raw bytes, shared by gRPC and HTTP."""

    def __init__(
        self,
        accept: Accept,
        senders: Senders,
        spool: SpoolWriter | None,
        oldest_days: int,
        event_max_bytes: int,
        clock: Clock = now_ns,
        forward: Forwarder | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        """*spool* takes the spans for the join; None where none are kept. *forward* takes every request.

        *redactor* has the rules for every sender.
        """
        self._accept = accept
        self._senders = senders
        self._spool = spool
        self._oldest_days = oldest_days
        self._event_max_bytes = event_max_bytes
        self._clock = clock
        self._forward = forward
        self._redactor = redactor or Redactor()
        self._dropped = {"sender_dropped_events": 0, "sender_dropped_attributes": 0}

    def caller(self, authorization: str | None, certificate: Certificate | None = None) -> Sender:
        """Who may send with this ``Authorization`` value, or this verified client certificate.

        Unauthenticated or Forbidden when nobody may.
        """
        if certificate is None:
            return self._senders.identify(authorization)
        return self._senders.identify(authorization, certificate.fingerprint, certificate.names)

    async def export(self, signal: Signal, body: bytes, caller: Sender, peer: str | None) -> Answer:
        """Take one serialized request; the answer means that its audit events are on disk.

        Raises Refused when it is not a request, Busy when it is to be sent again: its sender's budget is used up, or
        too much waits for the disk.
        """
        caller.budget.take_bytes(len(body))
        received_ns = self._clock()
        # From the end, because CPython does that several times as fast on most bodies on what spans consist of.
        if body.rfind(MARK) < 0:
            if decode.has_resources(body):
                self._hand_over(signal, body, False, caller, received_ns)
            return Answer(signal.response())
        reception = Reception(
            received_ns,
            caller.tenant,
            caller.id,
            peer,
            self._oldest_days,
            caller.claims,
            self._event_max_bytes,
            self._redactor,
        )
        extracted = await aside(len(body), _read, signal, body, reception)
        caller.budget.take_events(len(extracted.drafts), extracted.streams)
        accepted = await self._accept.accept(extracted.drafts) if extracted.drafts else None
        self._dropped["sender_dropped_events"] += extracted.dropped_events
        self._dropped["sender_dropped_attributes"] += extracted.dropped_attributes
        # Only now: a request that is told to come again brings its spans again.
        self._hand_over(signal, body, True, caller, received_ns)
        return _answer(signal, extracted, accepted)

    def counts(self) -> dict[str, int]:
        """What senders said since the start that they dropped themselves of audited spans."""
        return dict(self._dropped)

    def _hand_over(self, signal: Signal, body: bytes, marked: bool, caller: Sender, received_ns: int) -> None:
        if self._spool is not None and signal is TRACES:
            self._spool.append(caller.tenant, received_ns, body)
        if self._forward is not None:
            self._forward.offer(signal.name, body, marked)


def _read(signal: Signal, body: bytes, reception: Reception) -> Extracted:
    return extract(_EVENTS[signal.name](body), reception)


#: What answers requests of each signal, through one door.
Services = Mapping[Signal, OtlpService]


def _answer(signal: Signal, extracted: Extracted, accepted: Accepted | None) -> Answer:
    if accepted is None:
        return Answer(signal.response())
    problems = list(extracted.problems)
    if accepted.conflicts:
        problems.append(f"{accepted.conflicts} with an event id that stands for a different event")
    if not problems:
        return Answer(signal.response(), None if accepted.receipt is None else str(accepted.receipt))
    count = len(extracted.problems) + accepted.conflicts
    named = problems[:NAMED_MAX] + ([f"and {len(problems) - NAMED_MAX} more"] if len(problems) > NAMED_MAX else [])
    text = f"{count} audit event{'s' if count > 1 else ''} quarantined: {'; '.join(named)}"
    # Not counted as rejected: a sender drops what is rejected, and here nothing was lost.
    return Answer(signal.response(partial_success=signal.partial_success(error_message=text)))
