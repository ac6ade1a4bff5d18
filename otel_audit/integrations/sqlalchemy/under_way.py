"""What was found out for the statements that connections are running now."""

import weakref
from typing import Generic, TypeVar

from sqlalchemy.engine import Connection

T = TypeVar("T")

#: A statement may run others, by a listener of the application; deeper than this are those that failed.
_DEPTH_MAX = 8


class UnderWay(Generic[T]):
    """By connection and statement. One that fails is never ended: it is forgotten when others have come."""

    def __init__(self) -> None:
        self._running: weakref.WeakKeyDictionary[Connection, list[tuple[object, T]]] = weakref.WeakKeyDictionary()

    def begin(self, connection: Connection, statement: object, found: T) -> None:
        """*statement* is about to run; *found* is for its end."""
        running = self._running.setdefault(connection, [])
        running.append((statement, found))
        del running[:-_DEPTH_MAX]

    def is_running(self, connection: Connection, statement: object) -> bool:
        """Whether *statement* has begun, and not ended."""
        return any(each is statement for each, _ in self._running.get(connection, ()))

    def end(self, connection: Connection, statement: object) -> T | None:
        """*statement* has run: what was found for it, and what it began inside is over too."""
        running = self._running.get(connection, [])
        place = next((at for at in reversed(range(len(running))) if running[at][0] is statement), None)
        if place is None:
            return None
        found = running[place][1]
        del running[place:]
        return found
