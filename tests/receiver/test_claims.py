"""What a credential may say of itself."""

import pytest

from receiver.claims import ANYTHING, Claims

SHOP = Claims(services=["pay", "ship-*"], streams=["s-*"], actions=["payment.*", "order.refund.processed"])


@pytest.mark.parametrize(
    ("action", "service", "stream"),
    [
        ("payment.capture.success", "pay", "s-1"),
        ("payment.capture.success", "ship-eu", None),
        ("order.refund.processed", "pay", "s-"),
        ("audit.stream.report", "pay", "s-1"),
        ("payment.\n", "pay", "s-1"),
    ],
)
def test_what_a_pattern_allows(action: str, service: str, stream: str | None) -> None:
    """Whole names, ``*`` for any run; reports go by service and stream alone."""
    assert SHOP.allow(action, service, stream)


@pytest.mark.parametrize(
    ("action", "service", "stream"),
    [
        ("payment.capture.success", "payments", "s-1"),
        ("payment.capture.success", "ship", "s-1"),
        ("payment.capture.success", None, "s-1"),
        ("payment.capture.success", "pay", "t-1"),
        ("order.refund.processed.more", "pay", "s-1"),
        ("user.login.success", "pay", "s-1"),
        ("audit.stream.report", "other", "s-1"),
        ("audit.stream.report", "pay", "t-1"),
        ("audit.search.read.success", "pay", "s-1"),
    ],
)
def test_what_it_does_not(action: str, service: str | None, stream: str) -> None:
    """Anything else is a claim too much."""
    assert not SHOP.allow(action, service, stream)


def test_what_is_ours_is_nobodys() -> None:
    """Even where nothing is limited."""
    assert ANYTHING.allow("user.login.success", None, None)
    assert ANYTHING.allow("audit.stream.report", "shop", "s-1")
    assert not ANYTHING.allow("audit.receiver.stop.success", "shop", None)
    assert not ANYTHING.allow("user.login.success", "otel-audit", None)
    assert not Claims(actions=["audit.*"]).allow("audit.receiver.stop.success", "shop", None)
