"""Elasticsearch goes wrong in every way while senders go on: nothing is lost, nothing is there twice."""

import random
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from receiver.metrics import read_states
from tests.crash.load import Load
from tests.crash.places import fixed_ports
from tests.crash.witness import caught_up, exactly_once, in_elasticsearch, until
from tests.parts import faulty_proxy
from tests.parts.faulty_proxy import Fault, FaultyProxy
from tests.parts.receiver import Receiver, running
from tests.receiver.index.elastic_server import Namespace, namespace

#: What goes wrong, and whether the indexer must say so.
FAULTS: dict[str, tuple[Fault, bool]] = {
    "stopped": (faulty_proxy.gone, True),
    "answers lost": (faulty_proxy.answer_lost, True),
    "slow": (faulty_proxy.slow(0.3), False),
    "slower than its timeout": (faulty_proxy.slow(1.5), True),
    "429": (faulty_proxy.status(429), True),
    "503": (faulty_proxy.status(503), True),
    "half a bulk": (faulty_proxy.half_bulk(429, 503), True),
    "failure store": (faulty_proxy.first_try(faulty_proxy.PUT_ASIDE), False),
    "rejected mapping": (faulty_proxy.first_try(faulty_proxy.REJECTED), False),
}


class Set(NamedTuple):
    """A receiver whose Elasticsearch is behind a proxy, and one load for all faults."""

    receiver: Receiver
    proxy: FaultyProxy
    space: Namespace
    load: Load


@pytest.fixture(scope="module")
def served(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Set]:
    """One for all faults: each leaves it as able as it found it."""
    data_dir = tmp_path_factory.mktemp("elastic") / "data"
    with namespace(elasticsearch_url) as space, faulty_proxy.faulty_proxy(elasticsearch_url) as proxy:
        settings = {
            **fixed_ports(),
            "INDEX__URL": proxy.url,
            "INDEX__NAMESPACE": space.name,
            "INDEX__TIMEOUT_S": "1",
        }
        with running(data_dir, settings) as receiver, Load(receiver.grpc) as load:
            until(lambda: load.acknowledged > 0)
            yield Set(receiver, proxy, space, load)
            # After all of them, in whatever order they came: read in full from journal and server.
            load.end()
            exactly_once(receiver, load, lambda: in_elasticsearch(space.client, space.name))


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_passes(name: str, served: Set, chance: random.Random) -> None:
    """Senders are answered all the while; when it is over the index catches up by itself."""
    fault, is_told = FAULTS[name]
    before, served.proxy.hits = served.load.acknowledged, 0
    served.proxy.fault = fault
    try:
        if is_told:
            until(lambda: _problem(served.receiver) is not None)
        until(lambda: served.proxy.hits > 2 and served.load.acknowledged > before)
        time.sleep(chance.uniform(0, 0.3))
    finally:
        served.proxy.fault = None
    caught_up(served.receiver)
    until(lambda: _problem(served.receiver) is None)
    assert served.load.refused == 0


def _problem(receiver: Receiver) -> str | None:
    index = read_states(receiver.data_dir).get("follow", {}).get("index", {})
    problem: str | None = index.get("problem")
    return problem


def test_faults_at_random_moments(served: Set, chance: random.Random) -> None:
    """One after the other, without waiting for any to be got over."""
    before = served.load.acknowledged
    try:
        for _ in range(8):
            served.proxy.fault = chance.choice([fault for fault, _ in FAULTS.values()])
            time.sleep(chance.uniform(0.05, 0.6))
    finally:
        served.proxy.fault = None
    caught_up(served.receiver)
    until(lambda: served.load.acknowledged > before)
