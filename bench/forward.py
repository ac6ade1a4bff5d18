"""Spans passed on for each CPU second: the receiver against the Collector, otlp ▶ batch ▶ otlp.

Both take the same requests over gRPC from one sender, and send to one far end, which compares what came with what was
sent. The accepting process is what stands in the path; what follows behind it is told beside. Run by
``make bench ONLY=forward``.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from bench import far_end, load, report, rounds
from bench.side import Ours, Side, collector_to, otlp_exporter, ours
from bench.stop import Stop

#: Requests of so many spans are sent in each round: enough for a CPU second of the slower side.
REQUESTS = {512: 700, 64: 3000, 8: 6000}
_DONE_MAX_S = 120


@dataclass(frozen=True)
class Row:
    """One line: where it goes, the requests (every so-manieth span audited, 0: none), which processes count."""

    way: str
    spans: int
    every: int
    floor: float
    goal: float
    roles: tuple[str, ...] = ("accept",)

    @property
    def what(self) -> str:
        """In words."""
        audited = f"one in {self.every}" if self.every else "none"
        counted = "" if self.roles == ("accept",) else f", {' and '.join(self.roles)} together"
        return f"{self.way}: {self.spans} spans a request, {audited} audited{counted}"


ROWS = (
    Row("memory", 512, 0, 2.0, 3.0),
    Row("memory", 512, 64, 1.3, 2.0),
    Row("memory", 64, 64, 0.7, 1.5),
    Row("memory", 8, 64, 0.4, 1.0),
    Row("disk", 512, 0, 1.5, 2.0),
    Row("nowhere, spans of audited traces kept", 512, 64, 0.7, 1.5),
    Row("nowhere, spans of audited traces kept", 512, 64, 0.7, 1.5, ("accept", "follow")),
)


def main() -> None:
    """All rows, those of one way on the same two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="*", default=range(len(ROWS)), help="0: the first alone, and so on")
    options = parser.parse_args()
    report.run("forward", lambda: _measure(options.rounds, [ROWS[each] for each in options.rows]))


def _measure(count: int, rows: Sequence[Row]) -> list[rounds.Ratios]:
    measured = []
    for way in dict.fromkeys(row.way for row in rows):
        with far_end.listening() as end, _sides(way, end) as (receiver, collector):
            measured += [_compared(count, receiver, collector, end, row) for row in rows if row.way == way]
    return measured


@contextmanager
def _sides(way: str, end: far_end.FarEnd) -> Iterator[tuple[Ours, Side]]:
    """Both, sending to *end* from memory or from disk, or to nobody."""
    # Ours drops what its queue has no room for, and the Collector tells its sender to come again: here none is full.
    backend = {"endpoint": f"http://{end.endpoint}", "queue_max_bytes": 1 << 30}
    backend["queue"] = "disk" if way == "disk" else "memory"
    settings = {"TRACES__KEEP": "none", "FORWARD": json.dumps([backend])}
    if way.startswith("nowhere"):
        settings = {"TRACES__KEEP": "audited", "TRACES__WAIT_S": "2"}
    with ExitStack() as opened:
        directory = opened.enter_context(tempfile.TemporaryDirectory())
        exporter, more = otlp_exporter(end.endpoint), {}
        if way == "disk":
            exporter = otlp_exporter(end.endpoint, "storage: file_storage")
            more = {"storage": f'file_storage: {{directory: "{directory}"}}', "extension": "file_storage"}
        elif way.startswith("nowhere"):
            exporter = "nop: {}"
        receiver = opened.enter_context(ours("otel-audit", settings))
        yield receiver, opened.enter_context(collector_to("Collector", exporter, **more))


def _compared(count: int, receiver: Ours, collector: Side, end: far_end.FarEnd, row: Row) -> rounds.Ratios:
    sides = {
        "ours": partial(_spans_a_second, receiver, row.roles, end, row),
        "theirs": partial(_spans_a_second, collector, ("collector",), end, row),
    }
    figures = rounds.in_turn(count, sides)
    return rounds.quiet(rounds.Ratios(row.what, "spans/CPU s", **figures, floor=row.floor, goal=row.goal))


def _spans_a_second(side: Side, roles: Sequence[str], end: far_end.FarEnd, row: Row) -> float:
    run = load.Run(REQUESTS[row.spans], row.spans, row.every)
    before = side.cpu_s(*roles)
    load.send(side.endpoint, run)
    if not row.way.startswith("nowhere"):
        end.expect(side.name, run)
    elif isinstance(side, Ours):
        _until_followed(side)
    return run.all_spans / (side.cpu_s(*roles) - before)


def _until_followed(side: Ours) -> None:
    """Return once every entry is indexed, and no span waits for its trace's any more."""
    deadline = time.monotonic() + _DONE_MAX_S
    while side.lag_entries() or side.state("follow")["traces"]["waiting_spans"]:
        if time.monotonic() > deadline:
            raise Stop(f"{side.name} is not done with its spans after {_DONE_MAX_S} s")
        time.sleep(0.2)
    if side.state("accept")["spool_dropped_bytes"] or side.state("follow")["traces"]["dropped_spans"]:
        raise Stop(f"{side.name} dropped spans")


if __name__ == "__main__":
    main()
