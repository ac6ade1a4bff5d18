"""What is off for want of spans is said, in one place."""

import pytest

from otel_audit.canonical import rfc3339
from receiver.clock import DAY_NS
from receiver.correlate.kept import Kept
from receiver.traces.port import Found
from tests.contracts.entries import NOON_NS, entry
from tests.contracts.spans import span

NONE = Found((), False)


@pytest.mark.parametrize(
    ("keep", "of_a_trace", "of_all"),
    [("none", True, True), ("audited", False, True), ("all", False, False)],
)
def test_what_needs_spans_is_off_without_them(keep: str, of_a_trace: bool, of_all: bool) -> None:
    """Without any everything that needs spans, without all of them what needs every one; and it names the setting."""
    kept = Kept(keep)  # type: ignore[arg-type]
    for off, said in ((of_a_trace, kept.off("the service map", "spans")), (of_all, kept.off("it", "every span"))):
        assert bool(said) == off
        assert all(f"traces.keep: {keep}" in warning for warning in said)


def test_spans_that_cannot_have_expired_are_not_said_to() -> None:
    """Only an entry from before the days kept, and never where spans are kept for ever."""
    old = entry(1, received_at=rfc3339(NOON_NS - 30 * DAY_NS - 1))
    assert "expired" in Kept(days=30).about(NONE, [old, entry(2)], NOON_NS)[0]
    for kept, entries in ((Kept(days=31), [old]), (Kept(days=0), [old]), (Kept(days=30), [entry(2)])):
        assert "not come yet" in kept.about(NONE, entries, NOON_NS)[0]
    assert Kept(days=30).about(Found((span(1),), False), [entry(2)], NOON_NS) == ()
