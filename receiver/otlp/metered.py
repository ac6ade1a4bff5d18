"""Counts what comes in and what is refused, by transport and signal, around a service."""

import re
from collections import Counter
from typing import Any, Literal, TypeVar, cast

from receiver.errors import ReceiverError
from receiver.items import count_items
from receiver.timing import Watch, unwatched

Transport = Literal["grpc", "http"]
Signal = Literal["traces", "logs"]
S = TypeVar("S")

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Traffic:
    """What came in over one transport for one signal since the start."""

    def __init__(self, transport: Transport, signal: Signal) -> None:
        self._labels = {"transport": transport, "signal": signal}
        self._requests = self._bytes = self._items = self._refused_items = 0
        self._refused: Counter[str] = Counter()

    def accept(self, body: bytes) -> None:
        """Its sender was told that it is taken."""
        self._requests += 1
        self._bytes += len(body)
        self._items += count_items(body)

    def refuse(self, error: Exception, body: bytes = b"") -> None:
        """Its sender was told *error*; what it sends again is counted again."""
        kind = type(error).__name__ if isinstance(error, ReceiverError) else "internal"
        self._refused[_WORD.sub("_", kind).lower()] += 1
        self._refused_items += count_items(body)

    def facts(self) -> dict[str, Any]:
        """The counts with their labels."""
        return {
            **self._labels,
            "requests": self._requests,
            "bytes": self._bytes,
            "items": self._items,
            "refused_items": self._refused_items,
            "refused": dict(self._refused),
        }


def metered(service: S, traffic: Traffic, name: str, watch: Watch = unwatched) -> S:
    """*service*, whose ``caller`` and ``export`` are counted in *traffic* and watched as requests called *name*."""
    return cast("S", _Metered(service, traffic, name, watch))


class _Metered:
    def __init__(self, service: Any, traffic: Traffic, name: str, watch: Watch) -> None:
        self._service = service
        self._traffic = traffic
        self._name = name
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    def caller(self, *who: Any) -> Any:
        """Who sends; nobody is counted as refused."""
        try:
            return self._service.caller(*who)
        except Exception as error:
            self._traffic.refuse(error)
            raise

    async def export(self, signal: Any, body: bytes, *rest: Any) -> Any:
        """Take one request."""
        try:
            with self._watch(self._name) as request:
                request.attributes["otel_audit.request.bytes"] = len(body)
                answer = await self._service.export(signal, body, *rest)
        except Exception as error:
            self._traffic.refuse(error, body)
            raise
        self._traffic.accept(body)
        return answer


class HttpAnswers:
    """An ASGI application around another that counts the answers by status, the refusals before a service included."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand on, and look at the answer's status."""

        async def counting(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.counts[str(message["status"])] += 1
            await send(message)

        await self._app(scope, receive, counting)
