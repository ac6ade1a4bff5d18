"""``kill -9`` of each process under load: every acknowledged event is there, once."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import grpc
import pytest

from receiver.config import OURSELVES
from receiver.journal import JournalReader, entry_of
from receiver.metrics import read_states
from tests.parts.ports import free_ports
from tests.parts.receiver import Receiver, running
from tests.receiver.otlp.requests import event, request, span

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
EVENTS_EACH = 5
PAGE = 1000


def event_id(number: int) -> str:
    """The id of the *number*-th event: a UUIDv7 like any other."""
    return str(UUID(int=0x0192F0C1_2345_7000_8000_000000000000 + number))


class Load(threading.Thread):
    """Sends numbered events one request after the other, each until it is acknowledged; keeps what was."""

    def __init__(self, address: str) -> None:
        super().__init__(name="load")
        self._address = address
        self._ended = threading.Event()
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        for first in range(0, 1 << 40, EVENTS_EACH):
            names = [event_id(number) for number in range(first, first + EVENTS_EACH)]
            body = request(span(*(event(audit__record__id=name) for name in names))).SerializeToString()
            if not self._send(body):
                return
            self.acknowledged.update(names)

    def end(self) -> None:
        """Return when nothing is sent any more."""
        self._ended.set()
        self.join()

    def _send(self, body: bytes) -> bool:
        while not self._ended.is_set():
            # A channel of its own for each try: the server may be another process by now.
            with grpc.insecure_channel(self._address) as channel:
                export = channel.unary_unary(METHOD)
                try:
                    export(body, timeout=5)
                except grpc.RpcError:
                    time.sleep(0.05)
                else:
                    return True
        return False


@pytest.fixture
def ports() -> dict[str, str]:
    """Fixed ports, so that a sender finds the receiver again after a restart."""
    grpc_port, http_port, api_port = free_ports(3)
    return {
        "OTLP__GRPC": f"127.0.0.1:{grpc_port}",
        "OTLP__HTTP": f"127.0.0.1:{http_port}",
        "API__LISTEN": f"127.0.0.1:{api_port}",
    }


def journalled(data_dir: Path) -> list[str | None]:
    """The ids of the senders' events, in the order they were journalled, the receiver's own left out."""
    with closing(JournalReader.open(data_dir)) as reader:
        rows = [row for row in reader.read(0, 1 << 30) if row.kind == "entry"]
        entries = [entry_of(row, reader.log) for row in rows]
    assert [row.index for row in rows] == list(range(len(rows)))
    return [entry.event_id for entry in entries if entry.service_name != OURSELVES]


def indexed(receiver: Receiver) -> Iterator[str]:
    cursor: dict[str, str] = {}
    while True:
        answer = receiver.get("/api/v1/entries", limit=PAGE, **cursor)
        yield from (entry["event_id"] for entry in answer["entries"])
        if answer["next_cursor"] is None:
            return
        cursor = {"cursor": answer["next_cursor"]}


def caught_up(receiver: Receiver, count: int) -> None:
    """Return when the index holds *count* entries; what follow says of itself is told when it never does."""
    deadline = time.monotonic() + 30
    while (found := receiver.get("/api/v1/entries", limit=1)["total"]["value"]) != count:
        assert time.monotonic() < deadline, f"{found} of {count}: {read_states(receiver.data_dir)}"
        time.sleep(0.1)


def everything_acknowledged_is_there_once(receiver: Receiver, load: Load) -> None:
    stored = journalled(receiver.data_dir)
    assert len(stored) == len(set(stored))
    assert load.acknowledged - set(stored) == set()
    caught_up(receiver, len(stored))
    assert sorted(indexed(receiver)) == sorted(filter(None, stored))


def new_pid(receiver: Receiver, name: str, old: int) -> int:
    deadline = time.monotonic() + 20
    while True:
        state = read_states(receiver.data_dir).get(name, {})
        if state.get("pid", old) != old and state.get("ready"):
            return int(state["pid"])
        assert time.monotonic() < deadline, f"{name} did not come again"
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["accept", "follow", "answer"])
def test_a_killed_process_costs_nothing_acknowledged(name: str, tmp_path: Path, ports: dict[str, str]) -> None:
    """It is started again by itself, while senders go on; journal and index hold every acknowledged event once."""
    chance = random.Random(name)
    with running(tmp_path / "data", ports) as receiver:
        load = Load(receiver.grpc)
        load.start()
        try:
            for _ in range(2):
                time.sleep(chance.uniform(0.2, 0.8))
                pid = read_states(receiver.data_dir)[name]["pid"]
                os.kill(pid, signal.SIGKILL)
                new_pid(receiver, name, pid)
            time.sleep(0.3)
        finally:
            load.end()
        assert len(load.acknowledged) > 20
        everything_acknowledged_is_there_once(receiver, load)


def test_a_killed_group_costs_nothing_acknowledged(tmp_path: Path, ports: dict[str, str]) -> None:
    """The parent and all the others at once, and a new group on the same directory."""
    acknowledged = 0
    load: Load | None = None
    try:
        for _ in range(2):
            with running(tmp_path / "data", ports) as receiver:
                if load is None:
                    load = Load(receiver.grpc)
                    load.start()
                time.sleep(random.uniform(0.3, 0.9))
                acknowledged = len(load.acknowledged)
                states = read_states(receiver.data_dir)
                for pid in (receiver.pid, *(state["pid"] for state in states.values())):
                    with contextlib.suppress(ProcessLookupError):  # it ended with its parent already
                        os.kill(pid, signal.SIGKILL)
        with running(tmp_path / "data", ports) as receiver:
            time.sleep(0.3)
            load.end()
            assert len(load.acknowledged) > acknowledged > 0
            everything_acknowledged_is_there_once(receiver, load)
    finally:
        if load is not None:
            load.end()
