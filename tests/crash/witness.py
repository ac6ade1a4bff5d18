"""Everything acknowledged is in the journal, the index and the API, exactly once."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
from elasticsearch import Elasticsearch

from receiver.index.sqlite_tables import FILE as INDEX
from receiver.journal import JournalReader
from receiver.journal.inspect import BATCH_ROWS
from receiver.metrics import read_states
from receiver.sqlite import open_reader
from tests.crash.load import Load, event_id, number_of
from tests.parts.receiver import Receiver

PATIENCE_S = 60.0
SAMPLES = 20


def until(condition: Callable[[], bool], said: Callable[[], object] = lambda: "", max_s: float = PATIENCE_S) -> None:
    """Return when *condition* holds; what *said* says is told when it never does."""
    deadline = time.monotonic() + max_s
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen in time: {said()}"
        time.sleep(0.05)


def journalled(data_dir: Path) -> list[int]:
    """The numbers of the events in the journal, every row of which is read and verified."""
    found: list[int] = []
    indexes = 0
    with closing(JournalReader.open(data_dir)) as reader:
        after = 0
        while rows := reader.read(after, BATCH_ROWS):
            after = rows[-1].seq
            for row in rows:
                assert row.kind == "entry"
                assert row.index == indexes
                indexes += 1
                found += _numbers([row.event_id or ""])
    return found


def in_sqlite(data_dir: Path) -> list[int]:
    """The numbers of the events in the embedded index, read in full."""
    with closing(open_reader(data_dir / INDEX)) as connection:
        return list(_numbers(name for (name,) in connection.execute("SELECT event_id FROM entries")))


def in_elasticsearch(client: Elasticsearch, namespace: str) -> list[int]:
    """The numbers of the events in Elasticsearch, read in full, past any receiver."""
    pattern = f"logs-audit.events-{namespace}-*"
    client.indices.refresh(index=pattern, allow_no_indices=True)
    moment = client.open_point_in_time(index=pattern, keep_alive="2m", ignore_unavailable=True)["id"]
    found: list[int] = []
    after = None
    while True:
        page = client.search(
            pit={"id": moment, "keep_alive": "2m"}, size=5000, sort=["_shard_doc"], search_after=after, source=False
        )["hits"]["hits"]
        if not page:
            client.close_point_in_time(id=moment)
            return found
        found += _numbers(hit["_id"] for hit in page)
        after = page[-1]["sort"]


def caught_up(receiver: Receiver, max_s: float = PATIENCE_S) -> None:
    """Return when the index has every row of the journal; what follow says is told when it never does."""
    with closing(JournalReader.open(receiver.data_dir)) as reader:
        last = reader.last_seq()

    def position() -> int:
        follow = read_states(receiver.data_dir).get("follow", {})
        return int(follow.get("index", {}).get("position", 0))

    until(lambda: position() >= last, lambda: f"{last} rows: {read_states(receiver.data_dir)}", max_s)


def exactly_once(receiver: Receiver, load: Load, indexed: Callable[[], list[int]], max_s: float = PATIENCE_S) -> int:
    """How many events there are. *load* has ended; each acknowledged one stands once, everywhere."""
    stored = journalled(receiver.data_dir)
    _once(stored, load, "journal")
    caught_up(receiver, max_s)
    found = indexed()
    _once(found, load, "index")
    assert set(found) == set(stored)
    _in_api(receiver, load)
    return len(stored)


def _once(found: list[int], load: Load, where: str) -> None:
    twice = [number for number, count in Counter(found).items() if count > 1]
    assert not twice, f"{len(twice)} events twice in the {where}: {twice[:5]}"
    missing = {number for expected in load.expected() for number in expected} - set(found)
    assert not missing, f"{len(missing)} acknowledged events are not in the {where}: {sorted(missing)[:5]}"


def _in_api(receiver: Receiver, load: Load) -> None:
    """Some of them, asked for one by one."""
    chance = random.Random(load.acknowledged)
    for expected in load.expected():
        for number in chance.sample(expected, min(SAMPLES, len(expected))):
            answer = httpx.get(f"{receiver.api}/api/v1/entries/{event_id(number)}", timeout=20)
            assert answer.status_code == 200, answer.text


def _numbers(event_ids: Iterable[str]) -> Iterator[int]:
    for name in event_ids:
        number = number_of(name)
        if number is not None:
            yield number
