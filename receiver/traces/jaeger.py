"""Traces out of a Jaeger, by its query service's HTTP API (``/api/v3``)."""

import time
from collections.abc import Iterator, Mapping

import httpx
import orjson

from receiver.errors import Refused, Unavailable
from receiver.otlp_json import request_bytes
from receiver.signal import TRACES
from receiver.traces.decode import spans_of
from receiver.traces.port import Found
from receiver.traces.redaction import redacted

#: A trace of more bytes is not read.
ANSWER_MAX_BYTES = 64 * 1024 * 1024


class JaegerSource:
    """A Jaeger knows nothing of tenants: it is one tenant's, and to all others has no trace."""

    name = "jaeger"

    def __init__(
        self, url: str, headers: Mapping[str, str], tenant: str, timeout_s: float, trace_max_spans: int
    ) -> None:
        """*timeout_s* is the longest one question takes, whatever the server does meanwhile."""
        self._client = httpx.Client(base_url=url, headers=dict(headers), timeout=timeout_s)
        self._tenant = tenant
        self._timeout_s = timeout_s
        self._max = trace_max_spans

    def trace(self, tenant: str, trace_id: str) -> Found:
        """See :class:`~receiver.traces.port.TraceSource`. What it shows is redacted like what we keep."""
        if tenant != self._tenant:
            return Found((), False)
        try:
            body = self._answer(f"/api/v3/traces/{trace_id}")
        except httpx.HTTPError as error:
            raise Unavailable(f"{type(error).__name__} {error}".strip()) from error
        if body is None:
            return Found((), False)
        spans = {span.span_id: span for part in _results(body) for span in spans_of(part, tenant)}
        ordered = sorted(spans.values(), key=lambda span: (span.start_ns, span.span_id))
        return Found(tuple(map(redacted, ordered[: self._max])), len(ordered) > self._max)

    def close(self) -> None:
        """See :class:`~receiver.traces.port.TraceSource`."""
        self._client.close()

    def _answer(self, path: str) -> bytes | None:
        """The body of the answer; None when there is no such trace."""
        deadline = time.monotonic() + self._timeout_s
        with self._client.stream("GET", path) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if time.monotonic() > deadline:
                    raise Unavailable(f"it did not answer within {self._timeout_s:g} s")
                if len(body) > ANSWER_MAX_BYTES:
                    raise Unavailable(f"the trace has more than {ANSWER_MAX_BYTES} bytes")
            return bytes(body)


def _results(body: bytes) -> Iterator[bytes]:
    """The requests in an answer: a JSON object, or one a line, each with OTLP's JSON in ``result``."""
    try:
        for line in body.splitlines():
            if line.strip():
                yield request_bytes(TRACES, orjson.dumps(orjson.loads(line)["result"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, Refused) as error:
        raise Unavailable(f"it does not answer as a Jaeger does: {error}") from error
