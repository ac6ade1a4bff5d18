"""What happens to a trace request, whichever way it came: bytes in, answer out."""

from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from receiver.accept import Accept, Accepted
from receiver.clock import Clock, now_ns
from receiver.forward.forwarder import Forwarder
from receiver.otlp import decode
from receiver.otlp.extract import Extracted, Reception, extract
from receiver.senders import Sender, Senders
from receiver.spool import SpoolWriter

RECEIPT = "otel-audit-receipt"

#: A request without these bytes holds no audit event, and none of it needs to be parsed.
MARK = b"audit."
#: So many broken events are named in an answer; the rest is counted.
NAMED_MAX = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told, and the receipt to put beside it."""

    message: ExportTraceServiceResponse
    receipt: str | None = None


FULL_SUCCESS = Answer(ExportTraceServiceResponse())


class TraceService:
    """OTLP's TraceService on raw bytes, shared by gRPC and HTTP."""

    def __init__(
        self,
        accept: Accept,
        senders: Senders,
        spool: SpoolWriter | None,
        oldest_days: int,
        clock: Clock = now_ns,
        forward: Forwarder | None = None,
    ) -> None:
        """*spool* takes the spans for the join; None where none are kept. *forward* takes every request."""
        self._accept = accept
        self._senders = senders
        self._spool = spool
        self._oldest_days = oldest_days
        self._clock = clock
        self._forward = forward

    def caller(self, authorization: str | None) -> Sender:
        """Who may send with this ``Authorization`` value; Unauthenticated or Forbidden when nobody may."""
        return self._senders.identify(authorization)

    async def export(self, body: bytes, caller: Sender, peer: str | None) -> Answer:
        """Take one serialized request; the answer means that its audit events are on disk.

        Raises Refused when it is not a request, Busy when it is to be sent again: its sender's budget is used up, or
        too much waits for the disk.
        """
        caller.budget.take_bytes(len(body))
        received_ns = self._clock()
        if MARK not in body:
            if decode.has_spans(body):
                self._hand_over(body, None, caller, received_ns)
            return FULL_SUCCESS
        reception = Reception(received_ns, caller.tenant, caller.id, peer, self._oldest_days, caller.claims)
        request = decode.trace_request(body)
        extracted = extract(request, reception)
        caller.budget.take_events(len(extracted.drafts), extracted.streams)
        accepted = await self._accept.accept(extracted.drafts) if extracted.drafts else None
        # Only now: a request that is told to come again brings its spans again.
        self._hand_over(body, request, caller, received_ns)
        return _answer(extracted, accepted)

    def _hand_over(
        self, body: bytes, request: ExportTraceServiceRequest | None, caller: Sender, received_ns: int
    ) -> None:
        if self._spool is not None:
            self._spool.append(caller.tenant, received_ns, body)
        if self._forward is not None:
            self._forward.offer("traces", body, request)


def _answer(extracted: Extracted, accepted: Accepted | None) -> Answer:
    if accepted is None:
        return FULL_SUCCESS
    problems = list(extracted.problems)
    if accepted.conflicts:
        problems.append(f"{accepted.conflicts} with an event id that stands for a different event")
    if not problems:
        return Answer(FULL_SUCCESS.message, None if accepted.receipt is None else str(accepted.receipt))
    count = len(extracted.problems) + accepted.conflicts
    named = problems[:NAMED_MAX] + ([f"and {len(problems) - NAMED_MAX} more"] if len(problems) > NAMED_MAX else [])
    text = f"{count} audit event{'s' if count > 1 else ''} quarantined: {'; '.join(named)}"
    # Not counted as rejected: a sender drops what is rejected, and here nothing was lost.
    return Answer(ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(error_message=text)))
