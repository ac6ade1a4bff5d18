"""The embedded index: events a second until they are found, against a plain ``executemany`` of the same rows.

Ours reads each row of the journal into an entry and files it; the other side has every column ready, and the same
tables and indices. Run by ``make bench ONLY=sqlite_index``.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from bench import load, report, rounds
from bench.stop import Stop
from receiver.index.indexer import Indexer
from receiver.index.query import Query
from receiver.index.sqlite import SqliteIndex
from receiver.index.sqlite_tables import COLUMNS, FILE, MIGRATIONS, columns_of, word_text
from receiver.otlp.events import span_events
from receiver.otlp.extract import Reception, extract
from receiver.row import Row, entry_of
from receiver.sqlite import open_writer

EVENTS, BATCH = 10_000, 5_000
LOG = "otel-audit/000000000000"


def main() -> None:
    """Both in turn, each into a file of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    report.run("sqlite_index", lambda: _measure(options.rounds))


def _measure(count: int) -> list[rounds.Ratios]:
    figures = rounds.in_turn(
        count, {"ours": partial(_events_a_second, _ours), "theirs": partial(_events_a_second, _plain)}
    )
    return [
        rounds.quiet(rounds.Ratios("events from the journal to findable", "events/s", **figures, floor=0.4, goal=0.7))
    ]


def _events_a_second(file: Callable[[Path, Sequence[Row]], float]) -> float:
    rows = _rows()
    with tempfile.TemporaryDirectory() as scratch:
        taken = file(Path(scratch), rows)
        with closing(SqliteIndex(Path(scratch) / FILE, write=False)) as index:
            found = index.search(Query(related=("inventory_item:SKU-1",), limit=1)).total.value
    if found < min(EVENTS, 10_000):
        raise Stop(f"of {EVENTS} events {found} are found")
    return EVENTS / taken


def _rows() -> list[Row]:
    """Rows as the journal gives them, with fresh ids."""
    run, reception = load.Run(EVENTS // 500, 500, 1), Reception(time.time_ns(), peer="127.0.0.1")
    drafts = [draft for n in range(run.requests) for draft in extract(span_events(run.body(n)), reception).entries]
    return [
        Row(at + 1, "entry", each.tenant, each.event_id, at, each.values, each.seen, False, each.received_ns)
        for at, each in enumerate(drafts)
    ]


def _ours(directory: Path, rows: Sequence[Row]) -> float:
    with closing(SqliteIndex.open(directory, write=True)) as index:
        indexer = Indexer(index, LOG, "monthly")
        began = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            indexer.step(rows[start : start + BATCH])
        return time.perf_counter() - began


def _plain(directory: Path, rows: Sequence[Row]) -> float:
    entries = [entry_of(row, LOG) for row in rows]
    columns = [(number, *columns_of(entry)) for number, entry in enumerate(entries, 1)]
    words = [(number, word_text(entry)) for number, entry in enumerate(entries, 1)]
    related = [(entry.tenant, key, number) for number, entry in enumerate(entries, 1) for key in entry.related]
    insert = f"INSERT INTO entries (id, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
    with closing(open_writer(directory / FILE, MIGRATIONS)) as database:
        began = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            end = start + BATCH
            database.execute("BEGIN IMMEDIATE")
            database.executemany(insert, columns[start:end])
            database.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", words[start:end])
            of_batch = [each for each in related if start < each[2] <= end]
            database.executemany("INSERT INTO related (tenant, key, id) VALUES (?, ?, ?)", of_batch)
            database.execute("COMMIT")
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
