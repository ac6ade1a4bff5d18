"""What sending carriers to the receiver means, whichever protocol does it, apart from the application's exporters.

Only an answer that is about this very request means that it is refused for good. Everything else may pass (a token
put right, another endpoint, a proxy's bad day), and an audit event is not thrown away for it.
"""

from typing import NamedTuple, Protocol

from google.protobuf.message import DecodeError

from otel_audit._carrier import Request
from otel_audit._signal import Signal

#: What a durable answer carries, as trailer or header.
RECEIPT = "otel-audit-receipt"
#: A server that asks for more patience than this is asked again all the same.
DELAY_MAX_S = 60.0


class Again(Exception):
    """Not taken now; the same request may be sent again, *after_s* from now where the server says when."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Rejected(Exception):
    """Refused for good: sending it again cannot help."""


class Answer(NamedTuple):
    """The server took the request.

    *receipt* says that and where its events are durable; a Collector gives none. *rejected* counts the carriers that
    a partial success leaves out, *message* says why, or what was quarantined.
    """

    receipt: str | None = None
    rejected: int = 0
    message: str = ""


class Exporter(Protocol):
    """Sends one request at a time; used by one thread."""

    def send(self, request: Request, timeout_s: float) -> Answer:
        """Return once the receiver has answered that it took *request*; raises Again or Rejected."""

    def close(self) -> None:
        """Let go of the connection."""


def read_answer(signal: Signal, body: bytes, receipt: str | None) -> Answer:
    """An OTLP answer; one that is none counts as a success without a word, for the server took the request."""
    try:
        partial = signal.response.FromString(body).partial_success
    except DecodeError:
        return Answer(receipt)
    return Answer(receipt, getattr(partial, signal.rejected), partial.error_message)
