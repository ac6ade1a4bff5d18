"""Errors, each named for who acts next.

``Refused``: the sender is wrong, sending again cannot help. ``Busy``: nobody is wrong, send again later.
``Damaged``: our own data is wrong; keep the evidence and call a person. Towards a sender ``Damaged`` is
answered as retryable: one told "permanent" would throw its evidence away.
"""


class ReceiverError(Exception):
    """Everything this package raises on purpose."""


class Refused(ReceiverError):
    """The request is wrong; the message says how, in the sender's words."""


class TooLarge(Refused):
    """The request is larger than the receiver takes."""


class UnsupportedEncoding(Refused):
    """The content type or content encoding is not one the receiver reads."""


class Unauthenticated(Refused):
    """No token, or none we know."""


class Forbidden(Refused):
    """The token is known, and its role does not allow this."""


class NotFound(Refused):
    """There is no such entry, trace or resource."""


class Busy(ReceiverError):
    """Not now: send the same again after *retry_after_s* seconds."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(Busy):
    """A part we depend on (an index, a store) does not answer."""


class Damaged(ReceiverError):
    """Our own data is not what it must be; *hint* says what a person can do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message} ({hint})")
        self.hint = hint


class WrongSettings(ReceiverError):
    """The settings cannot be used; *problems* names every one of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
