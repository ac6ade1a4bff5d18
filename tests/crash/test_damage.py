"""A receiver on a damaged journal: doors open, everything refused for now, until somebody repairs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest

from receiver import config
from receiver.journal import FILE, Journal, JournalReader
from receiver.journal.damage import noted
from receiver.journal.examine import TAIL_ROWS
from receiver.row import Row
from tests.crash.load import SENDER_SPAN, Load, event_id
from tests.crash.witness import caught_up, until
from tests.parts.receiver import running
from tests.receiver.drafts import draft

ROWS = 200


def cut(data_dir: Path) -> None:
    """Noticed by accept when it starts."""
    content = (data_dir / FILE).read_bytes()
    (data_dir / FILE).write_bytes(content[: len(content) // 2])


def flip(data_dir: Path) -> None:
    """Noticed by the first follower that reads the row, while accept accepts."""
    content = bytearray((data_dir / FILE).read_bytes())
    content[content.index(b'"reason":"flip me"') + 12] ^= 1
    (data_dir / FILE).write_bytes(content)


def fill(data_dir: Path) -> list[Row]:
    """A journal with old rows that no follower has read."""
    journal = Journal.open(data_dir, config.Journal())
    for number in range(ROWS):
        old = draft(event_id(SENDER_SPAN + number))
        said = {**orjson.loads(old.values), "reason": "flip me" if number == 20 else "x" * 500}
        journal.append([replace(old, values=orjson.dumps(said))]).result(10)
    journal.append([draft(f"tail-{number}") for number in range(TAIL_ROWS)]).result(10)
    journal.close()
    return rows_of(data_dir)


def rows_of(data_dir: Path) -> list[Row]:
    with closing(JournalReader.open(data_dir)) as reader:
        return reader.read(0, 1 << 20)


def repaired(data_dir: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "receiver.cli", "doctor", "--repair", "--json"],
        env={**os.environ, "OTEL_AUDIT_RECEIVER_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return str(orjson.loads(done.stdout)["findings"][0]["message"])


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_journal_is_refused_until_it_is_repaired(
    damage: Callable[[Path], None], data_dir: Path, ports: dict[str, str], body: bytes
) -> None:
    """Senders are told when to come again, ``/readyz`` says what to do; after the repair they are served."""
    before = fill(data_dir)
    damage(data_dir)
    with running(data_dir, ports, ready=503) as receiver:
        until(lambda: "doctor --repair" in httpx.get(f"{receiver.api}/readyz").text)
        headers = {"content-type": "application/x-protobuf"}
        answer = httpx.post(f"{receiver.http}/v1/traces", content=body, headers=headers)
        assert (answer.status_code, float(answer.headers["retry-after"]) > 0) == (503, True)
        with Load(receiver.grpc) as refused:
            until(lambda: refused.retry_told > 2)
        assert (refused.acknowledged, refused.senders[0].permanent) == (0, [])
    assert noted(data_dir) is not None
    repaired(data_dir)
    with running(data_dir, ports) as receiver:
        with Load(receiver.grpc, most=5) as load:
            until(lambda: load.is_done)
        caught_up(receiver)
        (told,) = receiver.eventually("/api/v1/entries", action="audit.journal.repair.success")["entries"]
    after = {row.seq: row for row in rows_of(data_dir)}
    lost = [row for row in before if after.get(row.seq) != row]
    assert 0 < len(lost) <= (1 if damage is flip else len(before) - 1)
    assert told["metadata"]["missing_rows"] >= len(lost)
    assert len({row.index for row in (*before, *after.values())}) == len({*after, *(row.seq for row in before)})
