"""A real Collector as a backend: over both protocols, however compressed, and when it refuses a part."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.config import Forward
from tests.parts import backend as parts
from tests.parts import collector
from tests.parts.backend import Backend
from tests.receiver.forward.forwarding import body, forwarding, only, settings, until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1700)]

#: A Collector that does nothing but hand on.
CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "{grpc}"}, http: {endpoint: "{http}"}}}
exporters:
  otlp: {endpoint: "BACKEND", tls: {insecure: true}, sending_queue: {enabled: false}}
extensions:
  health_check: {endpoint: "{health}"}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}
"""
#: Its outline is a request's, what is inside is not.
TORN = b"\x0a\x03\x0a\x7f\x01"


@contextmanager
def collecting() -> Iterator[tuple[dict[str, str], Backend]]:
    """A Collector's endpoint for each protocol, and the backend behind it."""
    with (
        parts.running("grpc") as behind,
        collector.running(CONFIG.replace("BACKEND", behind.endpoint.removeprefix("http://"))) as (grpc, http),
    ):
        yield {"grpc": f"http://{grpc}", "http": f"http://{http}"}, behind


async def forwarded(data_dir: Path, chosen: Forward, *bodies: bytes) -> dict[str, object]:
    """What is counted once all *bodies* have been sent or dropped, in one request at first."""
    async with forwarding(data_dir, chosen) as forwarder:
        for each in bodies:
            forwarder.offer("traces", each, False)
        await until(lambda: only(forwarder)["queue_bytes"] == 0)
        return only(forwarder)


def test_it_takes_every_form(tmp_path: Path):
    """Merged, over gRPC and HTTP, plain, gzip and zstd: what comes out behind it is what came in."""
    forms = [("grpc", "none"), ("grpc", "gzip"), ("http", "none"), ("http", "gzip"), ("http", "zstd")]
    bodies = [body(number) for number in range(20)]
    whole = ExportTraceServiceRequest.FromString(b"".join(bodies))
    with collecting() as (endpoints, behind):
        for protocol, compression in forms:
            chosen = settings(endpoints[protocol], protocol, compression=compression, batch_wait_ms=200)
            counts = asyncio.run(forwarded(tmp_path, chosen, *bodies))
            assert (counts["sent"], counts["dropped"]) == (len(bodies), {})
            assert ExportTraceServiceRequest.FromString(behind.taken.pop()) == whole
            assert behind.taken == []


@pytest.mark.parametrize(("protocol", "reason"), [("grpc", "INTERNAL"), ("http", "400")])
def test_what_it_cannot_read_costs_no_neighbour(protocol: str, reason: str, tmp_path: Path):
    """It refuses the merged request for one torn part; the others arrive, that one is dropped by its code."""
    bodies = [body(number) for number in range(20)]
    with collecting() as (endpoints, behind):
        chosen = settings(endpoints[protocol], protocol, batch_wait_ms=200)
        counts = asyncio.run(forwarded(tmp_path, chosen, *bodies[:7], TORN, *bodies[7:]))
    assert (counts["sent"], counts["dropped"]) == (len(bodies), {reason: 1})
    arrived = ExportTraceServiceRequest.FromString(b"".join(behind.taken))
    assert arrived == ExportTraceServiceRequest.FromString(b"".join(bodies))
