"""Numbered events, sent until they are acknowledged, and the memory of what was."""

import threading
import time
from collections.abc import Sequence
from uuid import UUID

import grpc

from receiver.otlp.service import RECEIPT
from tests.receiver.otlp.requests import event, request, span

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
EVENTS_EACH = 5
#: Each sender has numbers of its own.
SENDER_SPAN = 1 << 32
_FIRST = 0x0192F0C1_2345_7000_8000_000000000000


def event_id(number: int) -> str:
    """The id of the *number*-th event: a UUIDv7 like any other."""
    return str(UUID(int=_FIRST + number))


def number_of(event_id: str) -> int | None:
    """The inverse of :func:`event_id`; None for an id that is not one of ours."""
    number = UUID(event_id).int - _FIRST
    return number if 0 <= number < SENDER_SPAN * 64 else None


class Sender(threading.Thread):
    """Sends numbered events one request after the other, each until it is acknowledged.

    ``acknowledged`` counts them: they are the first of its numbers. ``refusals`` counts by code what it was told
    instead, ``retry_told`` how many of these said when to come again.
    """

    def __init__(
        self, address: str, place: int = 0, each: int = EVENTS_EACH, most: int = SENDER_SPAN, pace_s: float = 0.0
    ) -> None:
        """A request is due every *pace_s* seconds; what could not be sent in time is sent as fast as it can be."""
        super().__init__(name=f"sender-{place}")
        self.first = place * SENDER_SPAN
        self.acknowledged = 0
        self.refusals: dict[str, int] = {}
        self.retry_told = 0
        self.permanent: list[str] = []
        self._address = address
        self._each = each
        self._most = most
        self._pace_s = pace_s
        self._ended = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        while self.acknowledged < self._most and not self._ended.is_set():
            self._ended.wait(began + self._pace_s * self.acknowledged / self._each - time.monotonic())
            begin = self.first + self.acknowledged
            count = min(self._each, self._most - self.acknowledged)
            events = [event(audit__record__id=event_id(number)) for number in range(begin, begin + count)]
            if self._send(request(span(*events)).SerializeToString()):
                self.acknowledged += count

    def end(self) -> None:
        """Return when nothing is sent any more."""
        self._ended.set()
        self.join()

    def _send(self, body: bytes) -> bool:
        while not self._ended.is_set():
            # A channel of its own for each try after a failure: the server may be another process by now.
            with grpc.insecure_channel(self._address) as channel:
                try:
                    _, call = channel.unary_unary(METHOD).with_call(body, timeout=10)
                except grpc.RpcError as error:
                    self._note(error)
                    self._ended.wait(0.05)
                else:
                    assert any(key == RECEIPT for key, _ in call.trailing_metadata() or ())
                    return True
        return False

    def _note(self, error: grpc.RpcError) -> None:
        code = error.code().name  # type: ignore[attr-defined]
        self.refusals[code] = self.refusals.get(code, 0) + 1
        trailers = error.trailing_metadata() or ()  # type: ignore[attr-defined]
        self.retry_told += any(key == "google.rpc.retryinfo-bin" for key, _ in trailers)
        if code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"):
            self.permanent.append(str(error)[:300])


class Load:
    """Several senders at once."""

    def __init__(
        self,
        address: str,
        senders: int = 1,
        each: int = EVENTS_EACH,
        most: int = SENDER_SPAN,
        pace_s: float = 0.0,
    ) -> None:
        """*most* and *pace_s* are of each sender."""
        self.senders = [Sender(address, place, each, most, pace_s) for place in range(senders)]

    def __enter__(self) -> "Load":
        for each in self.senders:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def acknowledged(self) -> int:
        """How many events, of all senders."""
        return sum(each.acknowledged for each in self.senders)

    @property
    def refused(self) -> int:
        """How often a sender was told to come again, or not answered."""
        return sum(sum(each.refusals.values()) for each in self.senders)

    @property
    def retry_told(self) -> int:
        """How often it was told when."""
        return sum(each.retry_told for each in self.senders)

    @property
    def is_done(self) -> bool:
        """Whether everything that was to be sent is acknowledged."""
        return not any(each.is_alive() for each in self.senders)

    def end(self) -> None:
        """Return when nothing is sent any more."""
        for each in self.senders:
            each.end()

    def expected(self) -> Sequence[range]:
        """The numbers that are acknowledged."""
        return [range(each.first, each.first + each.acknowledged) for each in self.senders]
