"""How long a sender waits for its answer, which means "on disk": single events, 500 a second.

Against the Collector with ``file_storage`` and ``fsync: true``, and against what the disk itself takes for an
``fdatasync``. Run by ``make bench ONLY=ack``.
"""

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from bench import far_end, load, report, rounds
from bench.side import Side, collector_to, otlp_exporter, ours

PER_S, SECONDS = 500, 8
#: So many times the median ``fdatasync`` the slowest answer in a hundred is to take at most.
SYNCS = 20


def main() -> None:
    """Both and the disk, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    report.run("ack", lambda: _measure(options.rounds))


def _measure(count: int) -> list[rounds.Ratios]:
    with ExitStack() as opened:
        directory = opened.enter_context(tempfile.TemporaryDirectory())
        end = opened.enter_context(far_end.listening())
        receiver = opened.enter_context(ours("otel-audit", {"TRACES__KEEP": "none"}))
        collector = opened.enter_context(
            collector_to(
                "Collector",
                otlp_exporter(end.endpoint, "storage: file_storage, queue_size: 100000"),
                batch=False,  # behind a batch the answer would come before anything is written
                storage=f'file_storage: {{directory: "{directory}", fsync: true}}',
                extension="file_storage",
            )
        )
        sides = {
            "ours": partial(_p99_ms, receiver, None),
            "theirs": partial(_p99_ms, collector, end),
            "disk": partial(_syncs_ms, Path(directory)),
        }
        figures = rounds.in_turn(count, sides)
    told = f"p99 of {PER_S} answers a second, against"
    answers, theirs, disk = figures["ours"], figures["theirs"], figures["disk"]
    return [
        rounds.Ratios(f"{told} the Collector", "ms", answers, theirs, floor=1.0, goal=1.0, better="less"),
        rounds.Ratios(f"{told} {SYNCS} fdatasync", "ms", answers, disk, floor=1.0, goal=1.0, better="less"),
    ]


def _p99_ms(side: Side, end: far_end.FarEnd | None) -> float:
    run = load.Run(PER_S * SECONDS, 1, 1)
    waits = load.send_paced(side.endpoint, run, PER_S)
    if end is not None:
        end.expect(side.name, run)
    return 1000 * quantiles(waits, n=100)[98]


def _syncs_ms(directory: Path) -> float:
    """So many times the median ``fdatasync`` of a page that was just written."""
    taken = []
    with (directory / "page").open("wb", buffering=0) as file:
        for _ in range(300):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return 1000 * SYNCS * median(taken)


if __name__ == "__main__":
    main()
