"""A disk that is full, read-only or torn away: senders are told to come again, and it recovers by itself."""

import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from receiver.metrics import read_states
from tests.crash.load import Load
from tests.crash.witness import exactly_once, in_sqlite, until
from tests.parts.missing import CannotBeHad
from tests.parts.receiver import Receiver, running
from tests.parts.small_disk import SmallDisk, small_disk


class Room:
    """Takes the room on a disk away from a receiver, and gives it back."""

    def __init__(self, data_dir: Path, take: Callable[[], None], give: Callable[[], None]) -> None:
        self.data_dir = data_dir
        self.take = take
        self.give = give


@contextmanager
def room(directory: Path) -> Iterator[Room]:
    """On a disk of its own; where nobody may mount one, by a limit on how far the receiver's files may grow."""
    try:
        with small_disk(directory, 64) as disk:
            yield Room(disk.path, disk.fill, disk.free)
    except CannotBeHad:
        data_dir = directory / "data"
        largest = (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        yield Room(data_dir, lambda: _limit(data_dir, (4096, largest[1])), lambda: _limit(data_dir, largest))


def _limit(data_dir: Path, limits: tuple[int, int]) -> None:
    for state in read_states(data_dir).values():
        resource.prlimit(state["pid"], resource.RLIMIT_FSIZE, limits)


def refused_for_now(receiver: Receiver, body: bytes) -> bool:
    """Whether HTTP says 503 and when to come again."""
    headers = {"content-type": "application/x-protobuf"}
    answer = httpx.post(f"{receiver.http}/v1/traces", content=body, headers=headers, timeout=20)
    return answer.status_code == 503 and float(answer.headers["retry-after"]) > 0


def serves(receiver: Receiver) -> bool:
    """What a load balancer hears that asks gRPC's health service."""
    with grpc.insecure_channel(receiver.grpc) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def test_a_full_disk_is_busy_and_recovers(
    tmp_path: Path, ports: dict[str, str], chance: random.Random, body: bytes
) -> None:
    """Nothing acknowledged is lost, nobody restarts anything, and ``/readyz`` says why."""
    with room(tmp_path) as disk, running(disk.data_dir, ports) as receiver:
        with Load(receiver.grpc, senders=2) as load:
            for _ in range(2):
                time.sleep(chance.uniform(0.1, 0.5))
                told, before = load.retry_told, load.acknowledged
                disk.take()
                until(lambda: load.retry_told > told + 3)  # noqa: B023 - waited for in this turn
                assert refused_for_now(receiver, body)
                until(lambda: not serves(receiver))
                disk.give()
                until(lambda: load.acknowledged > before and serves(receiver))  # noqa: B023
        exactly_once(receiver, load, lambda: in_sqlite(disk.data_dir))
        assert not [told for sender in load.senders for told in sender.permanent]
        until(lambda: httpx.get(f"{receiver.api}/readyz").status_code == 200)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of one's own, or a reason why this machine cannot show it."""
    try:
        with small_disk(tmp_path, 64) as fresh:
            yield fresh
    except CannotBeHad as missing:
        pytest.skip(str(missing))


def test_a_disk_that_fails_is_busy(disk: SmallDisk, ports: dict[str, str], body: bytes) -> None:
    """The kernel makes it read-only under everybody: senders keep their copies, and what was acknowledged is there."""
    with Load(ports["OTLP__GRPC"]) as load:
        with running(disk.path, ports) as receiver:
            until(lambda: load.acknowledged > 50)
            disk.fail()
            told = load.retry_told
            until(lambda: load.retry_told > told + 3)
            assert refused_for_now(receiver, body)
        before = load.acknowledged
        disk.unmount()
        disk.mount()
        with running(disk.path, ports) as receiver:
            until(lambda: load.acknowledged > before)
            load.end()
            exactly_once(receiver, load, lambda: in_sqlite(disk.path))


def test_a_read_only_disk_is_waited_for(disk: SmallDisk, ports: dict[str, str], body: bytes) -> None:
    """Started on one it opens its doors and refuses for now; once the disk can be written it accepts by itself."""
    with Load(ports["OTLP__GRPC"]) as load:
        disk.remount("ro")
        with running(disk.path, ports, ready=503) as receiver:
            until(lambda: load.retry_told > 3)
            assert refused_for_now(receiver, body)
            disk.remount("rw")
            until(lambda: load.acknowledged > 20)
            until(lambda: httpx.get(f"{receiver.api}/readyz").status_code == 200)
            load.end()
            exactly_once(receiver, load, lambda: in_sqlite(disk.path))
