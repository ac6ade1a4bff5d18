"""The one table from our errors to the codes of gRPC and HTTP."""

from typing import NamedTuple

from google.rpc.code_pb2 import (
    INVALID_ARGUMENT,
    NOT_FOUND,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIMPLEMENTED,
)
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from receiver import errors

#: Told to a sender when what went wrong does not say how long it takes.
RETRY_AFTER_S = 1.0


class Codes(NamedTuple):
    """One error class's code in gRPC, in HTTP, and whether the same request is welcome again."""

    grpc: int
    http: int
    retryable: bool = False


#: Whatever is wrong on our side is answered as retryable: a sender told "permanent" throws its evidence away.
_OURS = Codes(UNAVAILABLE, 503, retryable=True)

TABLE: dict[type[Exception], Codes] = {
    errors.Refused: Codes(INVALID_ARGUMENT, 400),
    errors.TooLarge: Codes(RESOURCE_EXHAUSTED, 413),
    errors.UnsupportedEncoding: Codes(UNIMPLEMENTED, 415),
    errors.Unauthenticated: Codes(UNAUTHENTICATED, 401),
    errors.Forbidden: Codes(PERMISSION_DENIED, 403),
    errors.NotFound: Codes(NOT_FOUND, 404),
    errors.Busy: _OURS,
    errors.Unavailable: _OURS,
    errors.Damaged: _OURS,
    errors.WrongSettings: _OURS,
    errors.ReceiverError: _OURS,
}


def codes_of(error: Exception) -> Codes:
    """The codes *error* is answered with; what is not in the table is a mistake of ours."""
    return TABLE.get(type(error), _OURS)


def status_of(error: Exception) -> Status:
    """*error* as the status OTLP sends, with how long to wait where sending again is right.

    The text of an error that is not ours on purpose stays here: it is in the log.
    """
    message = str(error) if isinstance(error, errors.ReceiverError) else "the receiver failed; send again"
    status = Status(code=codes_of(error).grpc, message=message)
    if codes_of(error).retryable:
        status.details.add().Pack(retry_info(error))
    return status


def retry_info(error: Exception) -> RetryInfo:
    """How long to wait before sending the same again."""
    info = RetryInfo()
    info.retry_delay.FromMilliseconds(int(1000 * retry_after_s(error)))
    return info


def retry_after_s(error: Exception) -> float:
    """Seconds to wait before sending the same again."""
    return error.retry_after_s if isinstance(error, errors.Busy) else RETRY_AFTER_S
