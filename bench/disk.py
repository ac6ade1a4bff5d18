"""Bytes on disk for each audit event in Elasticsearch, when its index is one segment: ours against Jaeger v2's.

Run by ``make bench ONLY=disk``. Nothing here depends on time, so that one round is enough.
"""

from contextlib import ExitStack

from bench import report, rounds
from bench.searchable import run_of, server, through_jaeger, through_ours

EVENTS = 40_000


def main() -> None:
    """Both, one after the other."""
    report.run("disk", _measure)


def _measure() -> list[rounds.Ratios]:
    figures = []
    with server() as shared:
        for through in (through_ours, through_jaeger):
            with ExitStack() as opened:
                way = opened.enter_context(through(shared))
                shared.until_searchable(way, run_of(EVENTS))
            figures.append([shared.bytes_a_document(way.indices)])
    ours, theirs = figures
    return [rounds.Ratios("bytes of an event on disk", "bytes", ours, theirs, floor=0.5, goal=0.3, better="less")]


if __name__ == "__main__":
    main()
