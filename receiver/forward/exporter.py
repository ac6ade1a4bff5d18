"""The way to a backend: bytes out, an outcome back."""

import ssl
import zlib
from typing import Protocol

from google.protobuf.message import DecodeError

from receiver.config import Forward
from receiver.errors import WrongSettings
from receiver.forward.outcome import Outcome, Taken
from receiver.signal import Signal

USER_AGENT = "otel-audit"


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
    rejected = getattr(partial, f"rejected_{signal.records}")
    return Taken(rejected)


def gzipped(body: bytes) -> bytes:
    """*body* as gzip has it, as fast as that goes."""
    stream = zlib.compressobj(1, wbits=16 + zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


def tls_context(settings: Forward) -> ssl.SSLContext:
    """How the backend is known and we are to it; WrongSettings when the files of the settings cannot be used."""
    try:
        context = ssl.create_default_context(cafile=settings.tls.ca)
        if settings.tls.certificate is not None:
            context.load_cert_chain(settings.tls.certificate, settings.tls.key)
    except (OSError, ssl.SSLError) as error:
        raise WrongSettings([f"forward: {settings.called}: its tls files cannot be used: {error}"]) from error
    return context
