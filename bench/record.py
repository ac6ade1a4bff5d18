"""What ``record()`` costs the caller's thread, against ``span.add_event`` of the same attributes.

Both run in one process, in turn, in small blocks; a block's cost is ``time.thread_time`` of this thread alone. A real
receiver takes the events meanwhile. Run by ``make bench ONLY=record``.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import otel_audit
from otel_audit import wire
from tests.parts.receiver import running

ACTION = "inventory.update.success"
BEFORE = {"stock": 50, "price": 12.5, "name": "Widget"}
AFTER = {"stock": 35, "price": 12.5, "name": "Widget"}
WHO = {
    "user_id": "u-17",
    "user_email": "clerk@example.com",
    "actor_type": "staff",
    "session_id": "s-4711-0815",
    "ip_address": "203.0.113.7",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "http_method": "POST",
    "path": "/api/v1/inventory/SKU-1",
    "request_id": "0af76519-16cd-43dd-8448-eb211c80319c",
}
EVENTS_A_SPAN, SPANS_A_BLOCK = 8, 25
LIMITS = {"best_effort": 1.5, "journaled": 2.0}


def main() -> None:
    """Each guarantee in a process of its own, so that none inherits another's heap."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="pairs of blocks in each process")
    parser.add_argument("--runs", type=int, default=3, help="processes for each guarantee")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        guarantee, endpoint, spill = options.side
        print(json.dumps(_measure(guarantee, endpoint, Path(spill), options.rounds)))
        return
    print(f"{'guarantee':<14}{'add_event µs':>14}{'record µs':>12}{'ratio':>8}  spread       {'delivery µs/event':>18}")
    with tempfile.TemporaryDirectory() as scratch, running(Path(scratch) / "data") as receiver:
        for guarantee, limit in LIMITS.items():
            runs = [_run(guarantee, f"http://{receiver.grpc}", Path(scratch), options) for _ in range(options.runs)]
            _tell(guarantee, limit, runs)
        bare = [_run("bare", f"http://{receiver.grpc}", Path(scratch), options) for _ in range(options.runs)]
        for sampled in ("sampled", "unsampled"):
            ratios = [run[sampled] for run in bare]
            print(f"a span without audit events, {sampled}: {statistics.median(ratios):.3f} × (at most 1.05)")


def _run(guarantee: str, endpoint: str, scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    side = ["--side", guarantee, endpoint, str(scratch / f"spill-{guarantee}"), "--rounds", str(options.rounds)]
    done = subprocess.run([sys.executable, "-m", "bench.record", *side], check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _tell(guarantee: str, limit: float, runs: list[dict[str, Any]]) -> None:
    ratios = sorted(run["ratio"] for run in runs)
    plain, ours, delivery = (statistics.median(run[key] for run in runs) for key in ("plain", "ours", "delivery"))
    print(
        f"{guarantee:<14}{plain:>14.1f}{ours:>12.1f}{statistics.median(ratios):>8.2f}"
        f"  {ratios[0]:.2f}–{ratios[-1]:.2f}  {delivery:>18.1f}   (at most {limit})"
    )


def _measure(guarantee: str, endpoint: str, spill: Path, rounds: int) -> dict[str, Any]:
    """One process's figures: medians of its blocks, in µs an event."""
    if guarantee == "bare":
        return _measure_bare(endpoint, spill, rounds)
    provider = TracerProvider()
    otel_audit.configure(
        service_name="bench", endpoint=endpoint, spill_dir=spill, guarantee=guarantee, tracer_provider=provider
    )
    plain = _same_attributes()
    tracer = provider.get_tracer("bench")
    sides: tuple[Callable[[Any], None], Callable[[Any], None]] = (
        lambda span: span.add_event(ACTION, plain),
        lambda span: _record(),
    )
    costs: tuple[list[float], list[float]] = ([], [])
    cpu = time.process_time() - time.thread_time()
    with otel_audit.bind(**WHO):
        for each in range(rounds + 5):
            for side, cost in zip(sides, costs, strict=True):
                block = _block(tracer, side)
                if each >= 5:
                    cost.append(block)
            otel_audit.flush()  # between the blocks: a backlog would be measured too
    told = otel_audit.statistics()
    delivered = told.delivered
    delivery = (time.process_time() - time.thread_time() - cpu) / delivered * 1e6
    assert delivered == told.recorded > rounds * EVENTS_A_SPAN * SPANS_A_BLOCK, told
    otel_audit.shutdown()
    ratios = [ours / theirs for theirs, ours in zip(*costs, strict=True)]
    medians = [statistics.median(cost) for cost in costs]
    return {"plain": medians[0], "ours": medians[1], "ratio": statistics.median(ratios), "delivery": delivery}


def _record() -> None:
    otel_audit.record(
        ACTION, ("inventory_item", "SKU-1"), before=BEFORE, after=AFTER, outcome="success", reason="recount"
    )


def _same_attributes() -> dict[str, Any]:
    """What record() says, under keys that are not audit."""
    with otel_audit.bind(**WHO):
        provider = TracerProvider()
        with provider.get_tracer("bench").start_as_current_span("work") as span:
            _record()
        [copy] = span.events  # type: ignore[attr-defined]
    said = {key: value for key, value in copy.attributes.items() if key != wire.COPY}
    assert len(said) >= 17, sorted(said)
    return {f"plain.{key}": value for key, value in said.items()}


def _block(tracer: Any, event: Callable[[Any], None]) -> float:
    """µs of this thread an event; the spans around them are not counted."""
    total = 0.0
    for _ in range(SPANS_A_BLOCK):
        with tracer.start_as_current_span("work") as span:
            before = time.thread_time()
            for _ in range(EVENTS_A_SPAN):
                event(span)
            total += time.thread_time() - before
    return total / (SPANS_A_BLOCK * EVENTS_A_SPAN) * 1e6


def _measure_bare(endpoint: str, spill: Path, rounds: int) -> dict[str, Any]:
    """Spans without audit events: before the SDK is configured, and after, with an audited span before each block."""
    before = {sampled: _bare_blocks(sampled, rounds) for sampled in (True, False)}
    otel_audit.configure(service_name="bench", endpoint=endpoint, spill_dir=spill, tracer_provider=TracerProvider())
    _record()
    after = {sampled: _bare_blocks(sampled, rounds) for sampled in (True, False)}
    otel_audit.shutdown()
    return {
        name: statistics.median(after[sampled]) / statistics.median(before[sampled])
        for name, sampled in (("sampled", True), ("unsampled", False))
    }


def _bare_blocks(sampled: bool, rounds: int) -> list[float]:
    tracer = (TracerProvider() if sampled else TracerProvider(sampler=ALWAYS_OFF)).get_tracer("bench")
    blocks = []
    for _ in range(rounds):
        before = time.thread_time()
        for _ in range(500):
            with tracer.start_as_current_span("work") as span:
                span.set_attribute("n", 1)
        blocks.append(time.thread_time() - before)
    return blocks


if __name__ == "__main__":
    main()
