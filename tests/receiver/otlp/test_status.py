"""Our errors in the codes of gRPC and HTTP."""

from collections.abc import Iterator

import pytest

from receiver import errors
from receiver.otlp.status import TABLE, codes_of, status_of


def every(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for each in kind.__subclasses__():
        yield from every(each)


def test_no_error_is_missing() -> None:
    """Every error of the receiver has its codes, by its own name."""
    own = {kind for kind in every(errors.ReceiverError) if kind.__module__ == errors.__name__}
    assert len(own) > 8
    assert own - TABLE.keys() == set()


def test_only_the_senders_mistakes_are_final() -> None:
    """A sender told "permanent" throws its evidence away: never for trouble of ours."""
    refusals = {kind for kind in every(errors.Refused) if kind.__module__ == errors.__name__}
    assert {kind for kind, codes in TABLE.items() if not codes.retryable} == refusals


@pytest.mark.parametrize("error", [errors.Damaged("torn", "call us"), RuntimeError("bug"), errors.Busy("full", 2.5)])
def test_trouble_of_ours_says_when_to_come_again(error: Exception) -> None:
    """UNAVAILABLE, 503, and how long to wait."""
    codes = codes_of(error)
    assert (codes.grpc, codes.http) == (14, 503)
    (detail,) = status_of(error).details
    assert detail.type_url == "type.googleapis.com/google.rpc.RetryInfo"


def test_a_bug_does_not_tell_its_text() -> None:
    """What only the log should say stays there."""
    assert "secret" not in status_of(RuntimeError("secret")).message
