"""The places where traces are looked up, one after the other."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from receiver.errors import Unavailable
from receiver.traces.port import Found, SpanStore, TraceSource
from receiver.traces.span import Span

OWN = "own"


class Sought(NamedTuple):
    """What was found and where (None when nowhere), and what is to be said of the places that did not answer."""

    found: Found
    source: str | None
    is_own: bool
    warnings: tuple[str, ...]


class Linking(NamedTuple):
    """The spans that link to what was asked about, and what is to be said where these cannot be known."""

    spans: Sequence[Span]
    warnings: tuple[str, ...]


class Sources:
    """Asked in their order until one knows the trace. Any number of threads ask at once.

    One that does not answer is named, and the next is asked. It is opened with the first question that reaches it.
    """

    def __init__(self, openers: Mapping[str, Callable[[], TraceSource]]) -> None:
        """Name ▶ how it is opened; the own store is called ``own``."""
        self._openers = openers
        self._open: dict[str, TraceSource] = {}
        self._opening = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._openers)

    def find(self, tenant: str, trace_id: str) -> Sought:
        """The trace from the first that knows it."""
        warnings: list[str] = []
        for name in self._openers:
            try:
                source = self._source(name)
                found = source.trace(tenant, trace_id)
            except Unavailable as error:
                warnings.append(f"{_called(name)} cannot be read: {error}")
                continue
            if found.spans:
                return Sought(found, source.name, name == OWN, tuple(warnings))
        return Sought(Found((), False), None, False, tuple(warnings))

    def linking(self, tenant: str, traces: Sequence[str], limit: int) -> Linking:
        """The spans of the own store that have a link to one of *traces*; other sources cannot be asked that."""
        if OWN not in self._openers:
            return Linking((), ("only the own store, which is no source here, knows which spans link to a trace",))
        try:
            own = cast("SpanStore", self._source(OWN))
            return Linking(own.linking(tenant, traces, limit), ())
        except Unavailable as error:
            return Linking((), (f"{_called(OWN)} cannot be read: {error}",))

    def close(self) -> None:
        """Let go of what was opened."""
        while self._open:
            self._open.popitem()[1].close()

    def _source(self, name: str) -> TraceSource:
        with self._opening:
            if name not in self._open:
                self._open[name] = self._openers[name]()
            return self._open[name]


def _called(name: str) -> str:
    return "the spans" if name == OWN else f"the trace source {name}"
