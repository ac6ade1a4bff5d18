"""The way to a backend: bytes out, an outcome back."""

import logging
from pathlib import Path
from typing import Protocol

from google.protobuf.message import DecodeError

from receiver.config import Forward
from receiver.errors import WrongSettings
from receiver.forward.outcome import Outcome, Taken
from receiver.forward.signal import Signal

USER_AGENT = "otel-audit"

_LOG = logging.getLogger(__name__)


class Exporter(Protocol):
    """One backend's connection. Any number of ``export`` may be under way at once."""

    async def export(self, signal: Signal, body: bytes) -> Outcome:
        """Send one serialized request. Whatever goes wrong on the way there is an outcome, never raised."""

    async def close(self) -> None:
        """Let go of the connection; what is under way is given up."""


def taken(signal: Signal, answer: bytes) -> Taken:
    """A success, with what its partial success says was thrown away."""
    try:
        partial = signal.response.FromString(answer).partial_success
    except DecodeError:  # it said yes; what else it said cannot be read
        return Taken()
    rejected = getattr(partial, f"rejected_{'spans' if signal.name == 'traces' else 'log_records'}")
    return Taken(rejected)


def pem(settings: Forward, path: Path | None) -> bytes | None:
    """A file that the TLS settings name; WrongSettings when it cannot be read."""
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise WrongSettings([f"forward: {settings.called}: {path}: {error.strerror}"]) from error
