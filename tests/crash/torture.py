"""The long form: a million events, two hundred kills, and every fault on top of the others.

``python -m tests.crash.torture [--report]``; the variables below choose less. The report goes to standard output and,
when asked for, to ``docs/torture.md``. Exit codes: 0 everything acknowledged is there once, 1 something is not.
"""

import json
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from receiver.metrics import read_states
from tests.crash.load import Load
from tests.crash.places import fixed_ports
from tests.crash.witness import exactly_once, in_elasticsearch, until
from tests.parts import elasticsearch, faulty_proxy
from tests.parts.clock import SettableClock
from tests.parts.faulty_proxy import FaultyProxy
from tests.parts.missing import CannotBeHad
from tests.parts.receiver import Receiver, running
from tests.parts.small_disk import SmallDisk, small_disk
from tests.receiver.index.elastic_server import Namespace, namespace

REPORT = Path(__file__).parents[2] / "docs" / "torture.md"
DISK_MIB = 8192
SENDERS = 4
#: Nothing is killed more often than it can come back, or nothing would be tested but starting.
KILL_PAUSE_S = (0.2, 6.0)
FAULT_S = (0.3, 6.0)
#: Events are spread over so much of the time; what faults held up is sent in the rest.
SENDING_PART = 0.6
#: After the last fault everything must be indexed within so long.
CATCH_UP_S = 600.0
VICTIMS = ("accept", "follow", "answer", "accept", "follow", "everything")


@dataclass(frozen=True)
class Scale:
    """How much, and for how long at most."""

    events: int = 1_000_000
    kills: int = 200
    minutes: float = 20.0
    each: int = 250
    seed: int = 0

    @classmethod
    def of_environment(cls) -> "Scale":
        """``TORTURE_EVENTS``, ``_KILLS``, ``_MINUTES``, ``_EACH`` and ``_SEED``; what is not said is as above."""
        said = {name: os.environ.get(f"TORTURE_{name.upper()}") for name in ("events", "kills", "each", "seed")}
        numbers = {name: int(value) for name, value in said.items() if value}
        numbers.setdefault("seed", random.SystemRandom().randrange(1 << 32))
        minutes = float(os.environ.get("TORTURE_MINUTES") or cls.minutes)
        return cls(minutes=minutes, **numbers)


@dataclass
class Tally:
    """What was done so far."""

    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    longest_silence_s: float = 0.0


class Place:
    """Everything a fault can reach: the group on its disk, the server's proxy, the clock."""

    def __init__(
        self, disk: SmallDisk, proxy: FaultyProxy, clock: SettableClock, ports: dict[str, str], hanging: int
    ) -> None:
        """*hanging* is the port of a forward target that never answers."""
        self.disk = disk
        self.proxy = proxy
        self.clock = clock
        self.ports = ports
        self.hanging = hanging

    def faults(self, chance: random.Random) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
        """Name ▶ how it begins and how it ends."""

        def server(fault: faulty_proxy.Fault) -> tuple[Callable[[], None], Callable[[], None]]:
            return lambda: setattr(self.proxy, "fault", fault), lambda: setattr(self.proxy, "fault", None)

        def stopped(name: str) -> tuple[Callable[[], None], Callable[[], None]]:
            pids: list[int] = []

            def begin() -> None:
                pids.append(read_states(self.disk.path)[name]["pid"])
                os.kill(pids[0], signal.SIGSTOP)

            return begin, lambda: [os.kill(pid, signal.SIGCONT) for pid in pids] and None

        return {
            "Elasticsearch stopped": server(faulty_proxy.gone),
            "Elasticsearch: answers lost": server(faulty_proxy.answer_lost),
            "Elasticsearch slow": server(faulty_proxy.slow(0.5)),
            "Elasticsearch slower than its timeout": server(faulty_proxy.slow(4)),
            "Elasticsearch: 429": server(faulty_proxy.status(429)),
            "Elasticsearch: 503": server(faulty_proxy.status(503)),
            "Elasticsearch: half a bulk": server(faulty_proxy.half_bulk(429, 503)),
            "Elasticsearch: failure store": server(faulty_proxy.first_try(faulty_proxy.PUT_ASIDE)),
            "Elasticsearch: rejected mapping": server(faulty_proxy.first_try(faulty_proxy.REJECTED)),
            "disk full": (self.disk.fill, self.disk.free),
            "clock set back": (lambda: self.clock.set(-chance.uniform(1, 86_400)), lambda: self.clock.set(0)),
            "clock set forward": (lambda: self.clock.set(chance.uniform(1, 3_600)), lambda: self.clock.set(0)),
            "accept hangs": stopped("accept"),
            "follow hangs": stopped("follow"),
        }


class Watch(threading.Thread):
    """How long, at most, not one event was acknowledged."""

    def __init__(self, load: Load, tally: Tally) -> None:
        super().__init__(daemon=True)
        self._load = load
        self._tally = tally
        self._ended = threading.Event()

    def run(self) -> None:
        last, since = 0, time.monotonic()
        while not self._ended.wait(0.1) and not self._load.is_done:
            now = time.monotonic()
            if self._load.acknowledged != last:
                last, since = self._load.acknowledged, now
            self._tally.longest_silence_s = max(self._tally.longest_silence_s, now - since)

    def end(self) -> None:
        """Return when it looks no more."""
        self._ended.set()
        self.join()


class Torture:
    """Kills on one thread, faults on another, senders on theirs; each draws its moments from the seed."""

    def __init__(self, scale: Scale, place: Place, load: Load) -> None:
        self._scale = scale
        self._place = place
        self._load = load
        self._deadline = time.monotonic() + 60 * scale.minutes
        self._over = threading.Event()
        self.tally = Tally()

    def run(self) -> None:
        """Return when everything is sent and every kill was done, or the time is over; all faults have ended."""
        faults = threading.Thread(target=self._faults, args=(random.Random(self._scale.seed + 1),))
        faults.start()
        watch = Watch(self._load, self.tally)
        watch.start()
        try:
            self._lives(random.Random(self._scale.seed))
        finally:
            self._over.set()
            faults.join()
            watch.end()

    @property
    def _is_over(self) -> bool:
        enough = sum(self.tally.kills.values()) >= self._scale.kills and self._load.is_done
        return enough or time.monotonic() > self._deadline

    def _lives(self, chance: random.Random) -> None:
        """One group after the other, until there was enough of everything."""
        while not self._is_over:
            self.tally.starts += 1
            with suppress(AssertionError), running_here(self._place) as receiver:  # not ready: a fault is in its way
                self._kill_some(chance, receiver)

    def _kill_some(self, chance: random.Random, receiver: Receiver) -> None:
        """Kill its processes at random moments, until the group itself is killed."""
        while not self._is_over:
            self._over.wait(chance.uniform(*KILL_PAUSE_S))
            if sum(self.tally.kills.values()) >= self._scale.kills:
                continue
            victim = chance.choice(VICTIMS)
            self.tally.kills[victim] += 1
            states = read_states(receiver.data_dir)
            if victim == "everything":
                _kill([receiver.pid, *(state["pid"] for state in states.values())])
                return
            _kill([states[victim]["pid"]] if victim in states else [])

    def _faults(self, chance: random.Random) -> None:
        while not self._over.is_set():
            known = self._place.faults(chance)
            names = chance.sample(sorted(known), chance.choice([1, 1, 2]))
            self.tally.faults.update(names)
            for name in names:
                with suppress(KeyError, ProcessLookupError):  # whom it was for is just starting
                    known[name][0]()
            self._over.wait(chance.uniform(*FAULT_S))
            for name in names:
                with suppress(ProcessLookupError):
                    known[name][1]()
            self._over.wait(chance.uniform(0, 3))


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def running_here(place: Place) -> Iterator[Receiver]:
    """A group at the place's addresses."""
    settings = {
        **place.ports,
        "INDEX__URL": place.proxy.url,
        "INDEX__TIMEOUT_S": "3",
        "INDEX__NAMESPACE": NAMESPACE,
        "FORWARD": json.dumps([{"endpoint": f"http://127.0.0.1:{place.hanging}"}]),
    }
    with running(place.disk.path, settings, place.clock.environ) as receiver:
        yield receiver


NAMESPACE = f"torture{os.getpid()}"


def main() -> int:
    """Run it."""
    scale = Scale.of_environment()
    began = time.monotonic()
    print(f"TORTURE_SEED={scale.seed}: {scale.events:,} events, {scale.kills} kills", flush=True)  # noqa: T201
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="otel-audit-torture-")))
        url = opened.enter_context(elasticsearch.running("1g"))
        space = opened.enter_context(namespace(url, NAMESPACE))
        disk = opened.enter_context(small_disk(directory, DISK_MIB))
        proxy = opened.enter_context(faulty_proxy.faulty_proxy(url))
        hanging = opened.enter_context(socket.create_server(("127.0.0.1", 0)))  # takes connections, answers none
        place = Place(disk, proxy, SettableClock(directory / "shift"), fixed_ports(), hanging.getsockname()[1])
        most = scale.events // SENDERS
        pace_s = SENDING_PART * 60 * scale.minutes * scale.each / most
        load = opened.enter_context(Load(place.ports["OTLP__GRPC"], SENDERS, scale.each, most, pace_s))
        torture = Torture(scale, place, load)
        torture.run()
        report = _verified(scale, torture.tally, place, load, space, began)
    print(report)  # noqa: T201
    if "--report" in sys.argv:
        REPORT.write_text(report)
    return 0


def _verified(scale: Scale, tally: Tally, place: Place, load: Load, space: Namespace, began: float) -> str:
    tortured_s = time.monotonic() - began
    with running_here(place) as receiver:
        until(lambda: load.is_done or tortured_s > 60 * scale.minutes, max_s=CATCH_UP_S)
        load.end()
        stored = exactly_once(receiver, load, lambda: in_elasticsearch(space.client, space.name), CATCH_UP_S)
        caught_up_s = time.monotonic() - began - tortured_s
        memory = {name: _resident_mib(state["pid"]) for name, state in read_states(receiver.data_dir).items()}
    permanent = [told for sender in load.senders for told in sender.permanent]
    assert not permanent, f"told not to come again: {permanent[:3]}"
    return _report(scale, tally, load, stored, (tortured_s, caught_up_s), memory)


def _report(
    scale: Scale, tally: Tally, load: Load, stored: int, seconds: tuple[float, float], memory: dict[str, float]
) -> str:
    refusals = sum((Counter(sender.refusals) for sender in load.senders), Counter())
    rows = [
        ("seed", scale.seed),
        ("events acknowledged", f"{load.acknowledged:,}"),
        ("events in the journal, each once", f"{stored:,}"),
        ("of these acknowledged ones missing in journal or index, or there twice", 0),
        ("kills", f"{sum(tally.kills.values())}: " + _counted(tally.kills)),
        ("starts of the whole group", tally.starts),
        ("faults", f"{sum(tally.faults.values())}: " + _counted(tally.faults)),
        ("senders told to come again, or not answered", _counted(refusals)),
        ("of these told when", f"{load.retry_told:,}"),
        ("longest time without one acknowledgement", f"{tally.longest_silence_s:.1f} s"),
        ("under faults", f"{seconds[0]:.0f} s"),
        ("from the last fault to everything verified", f"{seconds[1]:.0f} s"),
        ("memory at the end", ", ".join(f"{name} {mib:.0f} MiB" for name, mib in memory.items())),
    ]
    table = "\n".join(f"| {what} | {value} |" for what, value in rows)
    return f"""\
# Torture

What `make torture` does: {SENDERS} senders send numbered events until each is acknowledged, while processes are killed
and hang, Elasticsearch goes wrong in nine ways, the disk fills up and the clock jumps, at random moments and at the
same time, with a forward target that never answers. Afterwards the journal and Elasticsearch are read in full, every
row's checksum verified: each acknowledged event must be there, once, under a number without a hole; some are asked for
through the API.

`TORTURE_EVENTS`, `TORTURE_KILLS`, `TORTURE_MINUTES` and `TORTURE_SEED` choose another scale; `make torture
ARGS=--report` writes this page. The last run:

| | |
|---|---|
{table}
"""


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AssertionError, CannotBeHad) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
