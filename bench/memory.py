"""What accept holds in memory while Elasticsearch is away and a million events wait.

Run by ``make bench ONLY=memory``; some minutes. The events are journalled, each, before their sender is answered.
"""

import argparse
import time

from bench import load, report, rounds
from bench.side import Ours, ours
from bench.stop import Stop
from tests.parts.ports import free_ports

EVENTS_A_REQUEST = 500
MB = 2**20
SETTLE_S = 5


def main() -> None:
    """Idle, then with so many waiting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    report.run("memory", lambda: _measure(options.events))


def _measure(events: int) -> list[rounds.Ratios]:
    (away,) = free_ports(1)
    with ours("otel-audit", {"INDEX__URL": f"http://127.0.0.1:{away}", "TRACES__KEEP": "none"}) as side:
        time.sleep(SETTLE_S)
        idle = side.resident_bytes("accept")
        most = max(_send(side, part) for part in _parts(events))
        waiting = side.lag_entries()
        if waiting < events:
            raise Stop(f"of {events} events {waiting} wait")
    grown = [(most - idle) / MB]
    what = f"MB that accept grew by, Elasticsearch away and {events:,} events waiting"
    return [rounds.Ratios(what, "MB", grown, [1.0], floor=150, goal=50, better="less")]


def _parts(events: int) -> list[load.Run]:
    """The load in parts, between which the memory is looked at."""
    return [load.Run(100, EVENTS_A_REQUEST, 1) for _ in range(events // (100 * EVENTS_A_REQUEST))]


def _send(side: Ours, run: load.Run) -> int:
    load.send(side.endpoint, run)
    return side.resident_bytes("accept")


if __name__ == "__main__":
    main()
