"""Outboxes: what was appended is journalled once, whoever dies when."""

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from receiver import config, outbox
from receiver.accept import Accept, Accepted
from receiver.app.drain import Drain
from receiver.errors import Busy, Damaged, Unavailable
from receiver.journal import Journal, JournalReader, Kind
from receiver.outbox import Outbox, Outboxes
from receiver.row import Draft
from tests.receiver.drafts import draft


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path, config.Journal())
    yield journal
    journal.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path, "follow", 10)
    yield box
    box.close()


@pytest.fixture
def outboxes(tmp_path: Path) -> Iterator[Outboxes]:
    outboxes = Outboxes(tmp_path)
    yield outboxes
    outboxes.close()


def journalled(data_dir: Path) -> list[str | None]:
    with contextlib.closing(JournalReader.open(data_dir)) as reader:
        return [row.event_id for row in reader.read(0, 100_000)]


def drain(outboxes: Outboxes, journal: Journal) -> Drain:
    """Drain once, as accept does."""
    draining = Drain(outboxes, Accept(journal).accept)
    asyncio.run(draining.once())
    return draining


def test_what_is_appended_is_journalled_and_forgotten(
    tmp_path: Path, journal: Journal, box: Outbox, outboxes: Outboxes
) -> None:
    """In the order it was said, from every process, and nothing of it waits any more."""
    box.append([draft("a"), draft("b")])
    box.append([draft("c")])
    with contextlib.closing(Outbox(tmp_path, "answer", 10)) as other:
        other.append([draft("d")])
    drain(outboxes, journal)
    assert journalled(tmp_path) == ["d", "a", "b", "c"]
    assert outboxes.waiting() == {"answer": 0, "follow": 0}


@pytest.mark.parametrize("kind", ["entry", "report", "quarantined"])
def test_a_draft_comes_out_as_it_went_in(kind: Kind, box: Outbox, outboxes: Outboxes) -> None:
    """Every field, whatever it holds."""
    put = replace(draft("a", b"\x00\xff", kind), seen=b'{"path":"/"}', outlier=True, anomalies=("late", "x"))
    box.append([put])
    delivery = outboxes.delivery("follow")
    assert delivery is not None
    assert delivery.drafts == (put,)


def test_a_repeat_is_harmless(tmp_path: Path, journal: Journal, box: Outbox, outboxes: Outboxes) -> None:
    """Journalled, but not yet deleted when accept died: the journal knows it again."""
    box.append([draft("a"), draft("b")])
    delivery = outboxes.delivery("follow")
    assert delivery is not None
    journal.append(delivery.drafts).result(10)
    drain(outboxes, journal)
    assert journalled(tmp_path) == ["a", "b"]
    assert outboxes.waiting() == {"follow": 0}


def test_an_outbox_is_bounded(tmp_path: Path, journal: Journal, box: Outbox, outboxes: Outboxes) -> None:
    """When it is full its process hears Busy and nothing of the call is kept; drained, it takes again."""
    box.append([draft(str(number)) for number in range(9)])
    with pytest.raises(Busy, match="10 drafts wait"):
        box.append([draft("x"), draft("y")])
    box.append([draft("9")])
    drain(outboxes, journal)
    box.append([draft("x")])
    drain(outboxes, journal)
    assert journalled(tmp_path) == [*map(str, range(10)), "x"]


def test_many_threads_append_at_once(tmp_path: Path, journal: Journal, outboxes: Outboxes) -> None:
    """While accept drains: each draft once, none lost."""
    with contextlib.closing(Outbox(tmp_path, "answer", 1000)) as box:
        threads = [
            threading.Thread(target=lambda first=first: [box.append([draft(f"{first}-{n}")]) for n in range(10)])
            for first in range(4)
        ]
        for each in threads:
            each.start()
        while any(each.is_alive() for each in threads):
            drain(outboxes, journal)
        drain(outboxes, journal)
    assert sorted(filter(None, journalled(tmp_path))) == sorted(f"{first}-{n}" for first in range(4) for n in range(10))


def test_large_drafts_come_in_parts(box: Outbox, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, though at least one is read."""
    monkeypatch.setattr(outbox, "READ_MAX_BYTES", 1)
    box.append([draft("a"), draft("b")])
    delivery = outboxes.delivery("follow")
    assert delivery is not None
    assert [each.event_id for each in delivery.drafts] == ["a"]


def test_what_cannot_be_journalled_stays(tmp_path: Path, journal: Journal, box: Outbox, outboxes: Outboxes) -> None:
    """The disk is full: the draft waits, the problem is told, and goes when the disk takes it."""
    box.append([draft("a")])

    async def full(_: Sequence[Draft]) -> Accepted:
        raise Unavailable("the disk is full")

    draining = Drain(outboxes, full)
    asyncio.run(draining.once())
    assert draining.problem == "outbox follow: the disk is full"
    assert outboxes.waiting() == {"follow": 1}
    draining._accept = Accept(journal).accept
    asyncio.run(draining.once())
    assert draining.problem is None
    assert journalled(tmp_path) == ["a"]


def test_a_broken_outbox_stops_no_other(tmp_path: Path, journal: Journal, box: Outbox, outboxes: Outboxes) -> None:
    """It is kept as it is and told; the others are drained."""
    (tmp_path / outbox.DIRECTORY / "answer.db").write_bytes(b"no database at all" * 1000)
    box.append([draft("a")])
    draining = drain(outboxes, journal)
    assert draining.problem is not None
    assert "answer.db cannot be read" in draining.problem
    assert journalled(tmp_path) == ["a"]


def test_a_broken_outbox_is_told_to_its_process(tmp_path: Path) -> None:
    """Whoever appends to it learns it, with what a person can do."""
    (tmp_path / outbox.DIRECTORY).mkdir()
    (tmp_path / outbox.DIRECTORY / "answer.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(Damaged, match="restore"):
        Outbox(tmp_path, "answer", 10)


def test_an_outbox_that_is_being_made_is_passed_by(tmp_path: Path, outboxes: Outboxes) -> None:
    """Its process has made the file and not yet the tables."""
    (tmp_path / outbox.DIRECTORY).mkdir()
    sqlite3.connect(tmp_path / outbox.DIRECTORY / "answer.db").close()
    assert outboxes.processes() == ["answer"]
    assert outboxes.delivery("answer") is None


def test_a_full_disk_takes_nothing_of_a_call(box: Outbox, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is not half there."""
    box._connection.execute(f"PRAGMA max_page_count={box._connection.execute('PRAGMA page_count').fetchone()[0]}")
    big = replace(draft("big"), values=b'"' + b"x" * 100_000 + b'"')
    with pytest.raises(Unavailable, match="full"):
        box.append([draft("a"), big])
    assert outboxes.delivery("follow") is None
    box.append([draft("a")])


# -- killed -------------------------------------------------------------------------------------------------

_KILLED = """
import os, signal, sys, asyncio
from pathlib import Path
from receiver import config
from receiver.accept import Accept
from receiver.app.drain import Drain
from receiver.journal import Journal
from receiver.outbox import Outbox, Outboxes
from tests.receiver.drafts import draft

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

data_dir, where = Path(sys.argv[1]), sys.argv[2]
if where == "appended":
    Outbox(data_dir, "follow", 10).append([draft("a"), draft("b")])
    die()
if where == "appending":
    box = Outbox(data_dir, "follow", 10)
    box._connection.set_trace_callback(lambda sql: die() if sql == "COMMIT" else None)
    box.append([draft("a"), draft("b")])
journal, outboxes = Journal.open(data_dir, config.Journal()), Outboxes(data_dir)
accept = Accept(journal).accept
async def dying(drafts):
    if where == "journalled":
        await accept(drafts)
    die()
if where == "deleting":
    outboxes._open["follow"] = outboxes._connection("follow")
    outboxes._open["follow"].set_trace_callback(lambda sql: die() if sql == "COMMIT" else None)
    asyncio.run(Drain(outboxes, accept).once())
if where == "deleted":
    asyncio.run(Drain(outboxes, accept).once())
    die()
asyncio.run(Drain(outboxes, dying).once())
"""


def killed(data_dir: Path, where: str) -> None:
    """A process that does its part of the work and is killed *where* it says."""
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(data_dir), where], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("where", ["read", "journalled", "deleting", "deleted"])
def test_accept_killed_at_any_point_journals_once(tmp_path: Path, where: str) -> None:
    """Before or after journalling, in the middle of deleting or after it: the next accept ends with each draft once."""
    with contextlib.closing(Outbox(tmp_path, "follow", 10)) as box:
        box.append([draft("a"), draft("b")])
    killed(tmp_path, where)
    recovered(tmp_path, ["a", "b"])


@pytest.mark.parametrize(("where", "expected"), [("appending", []), ("appended", ["a", "b"])])
def test_a_process_killed_while_it_says_something(tmp_path: Path, where: str, expected: list[str]) -> None:
    """Killed before its append returned nothing of it need be there; afterwards all of it is."""
    killed(tmp_path, where)
    recovered(tmp_path, expected)


def recovered(data_dir: Path, expected: list[str]) -> None:
    journal, outboxes = Journal.open(data_dir, config.Journal()), Outboxes(data_dir)
    try:
        drain(outboxes, journal)
        assert journalled(data_dir) == expected
        assert outboxes.waiting() == {"follow": 0}
    finally:
        outboxes.close()
        journal.close()


def test_private(box: Outbox, tmp_path: Path) -> None:
    """What it holds is as secret as the journal."""
    directory = tmp_path / outbox.DIRECTORY
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "follow.db").stat().st_mode & 0o777 == 0o600
