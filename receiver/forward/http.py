"""OTLP over HTTP to a backend, in protobuf."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import zstandard

from receiver.config import Forward
from receiver.forward.exporter import USER_AGENT, gzipped, taken, tls_context
from receiver.forward.outcome import Later, Never, Outcome
from receiver.signal import Signal

#: After these the same request is welcome again, says OTLP.
RETRYABLE = frozenset({429, 502, 503, 504})
#: What these refuse is not the request but its sender, or the whole signal: smaller parts fare no better.
WHOLLY = frozenset({401, 403, 404, 405, 415})


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(body)


_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzipped, "zstd": _zstd}


class HttpExporter:
    """A pool of connections to one backend."""

    def __init__(self, settings: Forward) -> None:
        self._endpoint = settings.endpoint
        self._headers = {"content-type": "application/x-protobuf", "user-agent": USER_AGENT, **settings.headers}
        self._compress = _COMPRESSORS.get(settings.compression)
        if self._compress is not None:
            self._headers["content-encoding"] = settings.compression
        self._timeout_s = settings.timeout_s
        self._client = httpx.AsyncClient(
            verify=_context(settings),
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_connections=None),
        )

    async def export(self, signal: Signal, body: bytes) -> Outcome:
        """Send *body*."""
        if self._compress is not None:
            body = await asyncio.to_thread(self._compress, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.post(
                    f"{self._endpoint}{signal.path}", content=body, headers=self._headers
                )
        except (httpx.HTTPError, OSError, TimeoutError) as error:  # TLS may fail with an error of its own
            return Later(f"{type(error).__name__}: {error}"[:300])
        return taken(signal, response.content) if response.is_success else _outcome(response)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _context(settings: Forward) -> ssl.SSLContext | bool:
    if settings.endpoint.startswith("http:"):
        return False
    return tls_context(settings)


def _outcome(response: httpx.Response) -> Outcome:
    code = response.status_code
    problem = f"{code}: {response.text[:200]}"
    if code in RETRYABLE:
        return Later(problem, _retry_after_s(response.headers.get("retry-after")))
    return Never(str(code), problem, parts_fit=code not in WHOLLY)


def _retry_after_s(said: str | None) -> float | None:
    """Seconds, or a date; anything else says nothing."""
    if said is None:
        return None
    if said.strip().isdecimal():
        return float(said)
    try:
        date = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
