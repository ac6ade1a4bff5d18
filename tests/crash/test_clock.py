"""The clock of the machine is set back, and forward again, while senders go on."""

import random
import time
from contextlib import closing
from pathlib import Path

import httpx

from receiver.clock import SECOND_NS
from receiver.journal import JournalReader
from tests.crash.load import Load
from tests.crash.witness import exactly_once, in_sqlite, until
from tests.parts.clock import SettableClock
from tests.parts.receiver import running

HOUR_S = 3600


def test_a_clock_that_jumps_costs_nothing(
    data_dir: Path, ports: dict[str, str], chance: random.Random, tmp_path: Path
) -> None:
    """Neither an event, nor readiness, nor the process that is started in between."""
    clock = SettableClock(tmp_path / "shift")
    with Load(ports["OTLP__GRPC"]) as load:
        for shifts in ((-24 * HOUR_S, 0, HOUR_S), (-HOUR_S, 0)):
            with running(data_dir, ports, clock.environ) as receiver:
                for shift in shifts:
                    clock.set(shift)
                    before = load.acknowledged
                    until(lambda: load.acknowledged > before + 20)  # noqa: B023 - waited for in this turn
                    time.sleep(chance.uniform(0, 0.3))
                    # Signs of life written before the jump look old until the next ones, a second later.
                    until(lambda: httpx.get(f"{receiver.api}/readyz").status_code == 200)
                if shifts[-1] == 0:
                    load.end()
                    exactly_once(receiver, load, lambda: in_sqlite(data_dir))
    assert not [told for sender in load.senders for told in sender.permanent]
    with closing(JournalReader.open(data_dir)) as reader:
        received = [row.received_ns for row in reader.read(0, 1 << 20)]
    assert max(received) - min(received) > 24 * HOUR_S * SECOND_NS
