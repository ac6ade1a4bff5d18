"""``kill -9`` of each process under load: every acknowledged event is there, once."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from receiver.metrics import read_states
from tests.crash.load import Load
from tests.crash.witness import exactly_once, in_sqlite, until
from tests.parts.receiver import Receiver, running


@pytest.mark.parametrize("name", ["accept", "follow", "answer"])
def test_a_killed_process_costs_nothing_acknowledged(
    name: str, data_dir: Path, ports: dict[str, str], chance: random.Random
) -> None:
    """It is started again by itself, while senders go on."""
    with running(data_dir, ports) as receiver:
        with Load(receiver.grpc) as load:
            for _ in range(2):
                time.sleep(chance.uniform(0.2, 0.8))
                _kill_and_see_it_again(name, data_dir)
            _some_more(load)
        exactly_once(receiver, load, lambda: in_sqlite(data_dir))


def test_a_killed_group_costs_nothing_acknowledged(
    data_dir: Path, ports: dict[str, str], chance: random.Random
) -> None:
    """The parent and all the others at once, and a new group on the same directory."""
    with Load(ports["OTLP__GRPC"]) as load:
        for _ in range(2):
            with running(data_dir, ports) as receiver:
                _some_more(load)
                time.sleep(chance.uniform(0, 0.6))
                _kill_all(receiver)
        with running(data_dir, ports) as receiver:
            _some_more(load)
            load.end()
            exactly_once(receiver, load, lambda: in_sqlite(data_dir))


def _kill_and_see_it_again(name: str, data_dir: Path) -> None:
    old = read_states(data_dir)[name]["pid"]
    os.kill(old, signal.SIGKILL)

    def is_there_again() -> bool:
        state = read_states(data_dir).get(name, {})
        return bool(state.get("pid", old) != old and state.get("ready"))

    until(is_there_again, lambda: read_states(data_dir))


def _kill_all(receiver: Receiver) -> None:
    states = read_states(receiver.data_dir)
    for pid in (receiver.pid, *(state["pid"] for state in states.values())):
        with suppress(ProcessLookupError):  # it ended with its parent already
            os.kill(pid, signal.SIGKILL)


def _some_more(load: Load) -> None:
    """Return when more was acknowledged than before."""
    before = load.acknowledged
    until(lambda: load.acknowledged > before + 20)
