"""``kill -9`` of each process under load: every acknowledged event is there, once."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

from receiver.metrics import read_states
from tests.crash.load import Load
from tests.crash.witness import exactly_once, in_sqlite, until
from tests.parts.receiver import Receiver, running


def killed(receiver: Receiver, name: str) -> None:
    """Kill it, and return when it is there again."""
    old = read_states(receiver.data_dir)[name]["pid"]
    os.kill(old, signal.SIGKILL)

    def is_back() -> bool:
        state = read_states(receiver.data_dir).get(name, {})
        return state.get("pid", old) != old and bool(state.get("ready"))

    until(is_back, lambda: f"{name} did not come again")


def test_a_killed_process_costs_nothing_acknowledged(
    data_dir: Path, ports: dict[str, str], chance: random.Random
) -> None:
    """Each is started again by itself, while senders go on; journal and index hold every acknowledged event once."""
    with running(data_dir, ports) as receiver:
        with Load(receiver.grpc, senders=2) as load:
            for name in ["accept", "follow", "answer", "accept"]:
                time.sleep(chance.uniform(0.1, 0.6))
                killed(receiver, name)
            before = load.acknowledged
            until(lambda: load.acknowledged > before)
        assert exactly_once(receiver, load, lambda: in_sqlite(data_dir)) > 20
        assert not [told for sender in load.senders for told in sender.permanent]


def test_a_killed_group_costs_nothing_acknowledged(
    data_dir: Path, ports: dict[str, str], chance: random.Random
) -> None:
    """The parent and all the others at once, and a new group on the same directory."""
    with Load(ports["OTLP__GRPC"]) as load:
        for _ in range(2):
            before = load.acknowledged
            with running(data_dir, ports) as receiver:
                until(lambda: load.acknowledged > before)  # noqa: B023 - waited for in this turn
                time.sleep(chance.uniform(0, 0.5))
                states = read_states(data_dir)
                for pid in (receiver.pid, *(state["pid"] for state in states.values())):
                    with contextlib.suppress(ProcessLookupError):  # it ended with its parent already
                        os.kill(pid, signal.SIGKILL)
        before = load.acknowledged
        with running(data_dir, ports) as receiver:
            until(lambda: load.acknowledged > before)
            load.end()
            exactly_once(receiver, load, lambda: in_sqlite(data_dir))
    assert not [told for sender in load.senders for told in sender.permanent]


def test_a_process_that_hangs_is_no_loss(data_dir: Path, ports: dict[str, str], chance: random.Random) -> None:
    """Stopped in the middle of what it does, and going on later."""
    with running(data_dir, ports) as receiver:
        with Load(receiver.grpc) as load:
            for name in ("follow", "accept"):
                before = load.acknowledged
                until(lambda: load.acknowledged > before + 10)  # noqa: B023 - waited for in this turn
                pid = read_states(data_dir)[name]["pid"]
                os.kill(pid, signal.SIGSTOP)
                time.sleep(chance.uniform(0.3, 0.8))
                os.kill(pid, signal.SIGCONT)
        exactly_once(receiver, load, lambda: in_sqlite(data_dir))
