"""Audit events a second, from OTLP until a search finds them in Elasticsearch; every way on one server.

Ours journals each event, fsynced, before it answers; Jaeger v2 keeps the same span events; ``_bulk`` with ready-made
bodies is what the server itself can take. Run by ``make bench ONLY=ingest``.
"""

import argparse
from contextlib import ExitStack
from functools import partial

from bench import report, rounds
from bench.searchable import Server, Way, ready_made, run_of, server, through_jaeger, through_ours

EVENTS = 20_000


def main() -> None:
    """All three in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    report.run("ingest", lambda: _measure(options.rounds))


def _measure(count: int) -> list[rounds.Ratios]:
    with ExitStack() as opened:
        shared = opened.enter_context(server())
        ways = [opened.enter_context(each(shared)) for each in (through_ours, through_jaeger, ready_made)]
        sides = {way.name: partial(_events_a_second, shared, way) for way in ways}
        ours, jaeger, bulk = rounds.in_turn(count, sides).values()
    what = "events from OTLP to searchable, against"
    return [
        rounds.quiet(rounds.Ratios(f"{what} Jaeger v2", "events/s", ours, jaeger, floor=4.0, goal=6.0)),
        rounds.quiet(rounds.Ratios(f"{what} ready-made bodies", "events/s", ours, bulk, floor=0.4, goal=0.6)),
    ]


def _events_a_second(shared: Server, way: Way) -> float:
    return shared.until_searchable(way, run_of(EVENTS))


if __name__ == "__main__":
    main()
