"""A wrong call: in development it raises where it is made, in production it is recorded as far as it can be.

Business code must not break because its audit call is wrong; a developer must not overlook that it is.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from otel_audit import wire
from otel_audit.errors import InvalidEvent

_log = logging.getLogger("otel_audit")

_strict = False
_said = False


def strict() -> bool:
    """Whether a wrong call raises."""
    return _strict


def use(*, development: bool) -> None:
    """Choose the mode, for the process."""
    global _strict
    _strict = development


@contextmanager
def in_development() -> Iterator[None]:
    """Wrong calls inside raise."""
    former = _strict
    use(development=True)
    try:
        yield
    finally:
        use(development=former)


class Notes:
    """What was wrong with one call; with *strict* the first of it raises."""

    __slots__ = ("_strict", "_texts", "any")

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._texts: list[str] = []
        #: Whether anything was wrong.
        self.any = False

    def wrong(self, error: InvalidEvent) -> None:
        """Note *error*, or raise it."""
        if self._strict:
            raise error
        self.any = True
        self._texts.append(str(error)[:500])

    def leave_on(self, said: dict[str, Any]) -> None:
        """Move the notes to an event's attributes, and say once in the log that there are such calls."""
        global _said
        if not self._texts:
            return
        texts, self._texts = self._texts, []
        said[wire.NOTES] = [*said.get(wire.NOTES, ()), *texts]
        if not _said:
            _said = True
            _log.warning("wrong audit call, recorded with a note", extra={"notes": texts})
