"""Who sends."""

from hashlib import sha256

import pytest
from pydantic import ValidationError

from receiver.config import Auth, ClientCertificate, Token
from receiver.errors import Forbidden, Unauthenticated
from receiver.senders import ANYONE, Senders

PRINT = "ab" * 32
TOKENS = (
    Token(name="shop", sha256=sha256(b"shop").hexdigest(), role="sender", tenant="acme", services=("shop",)),
    Token(name="reader", sha256=sha256(b"reader").hexdigest(), role="viewer"),
)
CERTIFICATES = (
    ClientCertificate(name="pay", subject="pay.internal", tenant="acme"),
    ClientCertificate(name="ship", fingerprint=PRINT),
)
BOTH = Senders(Auth(tokens=TOKENS, certificates=CERTIFICATES))
ALONE = Senders(Auth(certificates=CERTIFICATES))


def test_a_token_names_its_sender() -> None:
    """With tenant and claims; it counts before a certificate."""
    found = BOTH.identify("Bearer shop", PRINT, ["pay.internal"])
    assert (found.id, found.tenant) == ("shop", "acme")
    assert not found.claims.allow("order.create.success", "pay", None)


@pytest.mark.parametrize("senders", [BOTH, ALONE])
def test_a_certificate_names_its_sender(senders: Senders) -> None:
    """By its fingerprint, or by one of its names."""
    assert senders.identify(None, PRINT, []).id == "ship"
    assert senders.identify(None, "cd" * 32, ["other", "pay.internal"]).id == "pay"
    assert senders.identify(None, PRINT, ["pay.internal"]).id == "ship"


@pytest.mark.parametrize("senders", [BOTH, ALONE])
def test_whom_nobody_knows_is_refused(senders: Senders) -> None:
    """A certificate may be verified and yet be nobody's here."""
    for shown in ((None, None, ()), (None, "cd" * 32, ("other",)), ("Bearer wrong", None, ())):
        with pytest.raises(Unauthenticated):
            senders.identify(*shown)


def test_a_wrong_token_is_not_saved_by_a_certificate() -> None:
    """Who shows a token means it."""
    with pytest.raises(Unauthenticated):
        BOTH.identify("Bearer wrong", PRINT, ())


def test_a_reader_may_not_send() -> None:
    """Its role does not allow it."""
    with pytest.raises(Forbidden):
        BOTH.identify("Bearer reader")


def test_without_credentials_everyone_may() -> None:
    """Only loopback listens then."""
    assert Senders(Auth()).identify("Bearer whatever", PRINT) is ANYONE


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda: ClientCertificate(name="x"), "either a subject or a fingerprint"),
        (lambda: ClientCertificate(name="x", subject="a", fingerprint=PRINT), "either a subject or a fingerprint"),
        (lambda: ClientCertificate(name="otel-audit", subject="a"), "is the receiver itself"),
        (lambda: Auth(tokens=TOKENS, certificates=(ClientCertificate(name="shop", subject="a"),)), "the same name"),
        (
            lambda: Auth(certificates=tuple(ClientCertificate(name=n, subject="a") for n in "xy")),
            "the same subject",
        ),
    ],
)
def test_credentials_that_make_no_sense_are_named(wrong, named: str) -> None:  # type: ignore[no-untyped-def]
    """At the start, with what is wrong about them."""
    with pytest.raises(ValidationError, match=named):
        wrong()
