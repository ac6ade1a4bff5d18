"""Spans passed on for each CPU second: the receiver's accepting process against the Collector, otlp ▶ batch ▶ otlp.

Both take the same requests over gRPC from one sender, and send to one far end, which compares what came with what was
sent. Run by ``make bench ONLY=forward``.
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from bench import far_end, load, report, rounds
from bench.side import Side, collector_to, otlp_exporter, ours

#: Requests of so many spans are sent in each round: enough for a CPU second of the slower side.
REQUESTS = {512: 700, 64: 3000, 8: 6000}
#: Spans a request, one audited in so many (0: none), floor and goal of the ratio.
ROWS = ((512, 0, 2.0, 3.0), (512, 64, 1.3, 2.0), (64, 64, 0.7, 1.5), (8, 64, 0.4, 1.0))


def main() -> None:
    """All rows, one after the other, on the same two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="*", default=range(len(ROWS)), help="0: the first alone, and so on")
    options = parser.parse_args()
    report.run("forward", lambda: _measure(options.rounds, [ROWS[each] for each in options.rows]))


def _measure(count: int, rows: Sequence[tuple[int, int, float, float]]) -> list[rounds.Ratios]:
    with ExitStack() as opened:
        end = opened.enter_context(far_end.listening())
        backends = json.dumps([{"endpoint": f"http://{end.endpoint}"}])
        settings = {"TRACES__KEEP": "none", "FORWARD": backends}
        receiver, _ = opened.enter_context(ours("otel-audit", settings))
        collector = opened.enter_context(collector_to("Collector", otlp_exporter(end.endpoint)))
        return [_row(count, receiver, collector, end, *row) for row in rows]


def _row(
    count: int, receiver: Side, collector: Side, end: far_end.FarEnd, spans: int, every: int, floor: float, goal: float
) -> rounds.Ratios:
    figures = rounds.in_turn(
        count,
        {
            "ours": partial(_spans_a_second, receiver, "accept", end, spans, every),
            "theirs": partial(_spans_a_second, collector, "collector", end, spans, every),
        },
    )
    what = f"{spans} spans a request, {f'one in {every}' if every else 'none'} audited"
    return rounds.quiet(rounds.Ratios(what, "spans/CPU s", **figures, floor=floor, goal=goal))


def _spans_a_second(side: Side, role: str, end: far_end.FarEnd, spans: int, every: int) -> float:
    run = load.Run(REQUESTS[spans], spans, every)
    before = side.cpu_s(role)
    load.send(side.endpoint, run)
    end.expect(side.name, run)
    return run.all_spans / (side.cpu_s(role) - before)


if __name__ == "__main__":
    main()
