"""What a request spent its time on: steps, noted only where somebody watches."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

T = TypeVar("T")

#: More steps of one request are not noted.
STEPS_MAX = 100


class Step(NamedTuple):
    """Something that was done, from when to when."""

    name: str
    began_ns: int
    ended_ns: int


@dataclass(slots=True)
class Watched:
    """A request while it is answered: its name, what is known of it, what was done for it."""

    name: str
    attributes: dict[str, str | int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


#: Opens a block that is a request of this name.
Watch = Callable[[str], AbstractContextManager[Watched]]

_current: ContextVar[Watched | None] = ContextVar("request", default=None)


def unwatched(name: str) -> AbstractContextManager[Watched]:
    """Nobody looks at this request."""
    return nullcontext(Watched(name))


@contextmanager
def watched(name: str) -> Iterator[Watched]:
    """Steps done within this block, in it and in threads it hands its context to, are noted."""
    request = Watched(name)
    token = _current.set(request)
    try:
        yield request
    finally:
        _current.reset(token)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Note this block as a step of the request that is watched, if one is."""
    request = _current.get()
    if request is None or len(request.steps) >= STEPS_MAX:
        yield
        return
    began_ns = time.time_ns()
    try:
        yield
    finally:
        request.steps.append(Step(name, began_ns, time.time_ns()))


def stepped(name: str, part: T) -> T:
    """*part*, each call of a method of which is a step ``<name>.<method>``."""
    return cast("T", _Stepped(name, part))


class _Stepped:
    def __init__(self, name: str, part: object) -> None:
        self._name = name
        self._part = part

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._part, method)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            with step(f"{self._name}.{method}"):
                return found(*arguments, **named)

        return call
