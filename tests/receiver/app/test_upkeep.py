"""What administrators ask of the follower is done once, told, and goes on after a crash."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from otel_audit.canonical import rfc3339
from receiver.app import upkeep as upkeep_module
from receiver.app.upkeep import Upkeep
from receiver.claims import UNAUTHORISED
from receiver.clock import now_ns
from receiver.config import Auth, Index, Token
from receiver.config import Journal as JournalSettings
from receiver.deadletter import DeadletterReader, DeadletterWriter, Place, dropped, retry_requested
from receiver.errors import Unavailable
from receiver.index.indexer import Indexer
from receiver.index.memory import MemoryIndex
from receiver.index.port import Filed
from receiver.index.query import Query
from receiver.journal import Draft, Journal, JournalReader
from receiver.otlp.again import Again
from receiver.otlp.events import span_events
from receiver.otlp.extract import Reception, extract
from receiver.refused import Refusal, RefusedReader, RefusedStore
from receiver.requests import REBUILT, Requests, rebuild_requested
from receiver.senders import Senders
from tests.contracts.entries import entry, event_id
from tests.contracts.entry_index import ids
from tests.receiver.otlp.requests import NOON, SECOND, event, request, span

SHOP = Token(name="shop", sha256="0" * 64, role="sender", services=("payment",))


class PickyIndex(MemoryIndex):
    """An index that refuses the entries with these ids, as long as they are listed, and may be away."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses: dict[str, str] = {}
        self.away = False
        self.restored: list[str] = []
        self.refused: RefusedStore | None = None

    def put(self, log: str, filed: Sequence[Filed], cursor: int) -> None:
        super().put(log, self._taken(filed), cursor)

    def restore(self, log: str, filed: Sequence[Filed]) -> Sequence[Filed]:
        if self.away:
            raise Unavailable("away")
        self.restored += [each.entry.event_id for each in filed]
        return super().restore(log, self._taken(filed))

    def _taken(self, filed: Sequence[Filed]) -> list[Filed]:
        for each in filed:
            if (reason := self.refuses.get(each.entry.event_id)) is not None:
                assert self.refused is not None
                self.refused.keep([Refusal(each.seq or 0, each.entry.tenant, reason, b"{}")])
        return [each for each in filed if each.entry.event_id not in self.refuses]


class World:
    """A receiver without processes: what accept, the followers and the upkeep do, one step at a time."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.journal = Journal.open(data_dir, JournalSettings())
        self.reader = JournalReader.open(data_dir)
        self.index = PickyIndex()
        self.open()

    def open(self) -> None:
        """Open what a new process of the follower would."""
        log = self.reader.log
        self.refused = self.index.refused = RefusedStore(self.data_dir, Index())
        self.refused_reader = RefusedReader(self.data_dir)
        self.letters = DeadletterWriter(self.data_dir, log, self.refused)
        self.open_letters = DeadletterReader(self.data_dir)
        self.requests = Requests(self.data_dir, log)
        self.indexer = Indexer(self.index, log, "monthly", refuse=self.refused.keep)
        self.learned: list[str] = []
        self.upkeep = Upkeep(
            self.requests,
            JournalReader.open(self.data_dir),
            self.indexer,
            self.refused,
            self.refused_reader,
            tell=self.tell,
            read_again=Again(Senders(Auth(tokens=(SHOP,))).claims_of, 2555).read,
            relearn=lambda lost: self.learned.extend(each.entry.event_id for each in lost),
        )

    def tell(self, drafts: Sequence[Draft]) -> None:
        """Journal, as accept does with what lies in an outbox."""
        self.journal.append(drafts).result(10)

    def entries(self, *numbers: int, timestamp: str = "2026-11-23T12:00:00.000000000Z") -> None:
        """Entries are journalled."""
        for number in numbers:
            said = entry(number, timestamp=timestamp).model_dump(mode="json", exclude_none=True, exclude={"seen"})
            named = event_id(number)
            self.tell([Draft("entry", "default", named, named.encode(), orjson.dumps(said), b"{}", False, now_ns())])

    def follow(self) -> None:
        """The followers read what is journalled."""
        for each in (self.indexer, self.letters, self.requests):
            rows = self.reader.read(each.cursor(), 10_000)
            if rows:
                each.step(rows)

    def keep_up(self) -> None:
        """Do everything that is asked."""
        self.follow()
        while self.upkeep.once():
            pass
        self.follow()

    def rebuild(self, partition: str | None = None) -> str:
        """An administrator asks for a rebuild."""
        draft = rebuild_requested(partition, {"user.id": "ann"}, "default", now_ns())
        self.tell([draft])
        return draft.event_id or ""

    def retry(self, seq: int) -> str:
        """An administrator asks for a retry."""
        draft = retry_requested(Place("default", self.reader.log, seq), {"user.id": "ann"}, now_ns())
        self.tell([draft])
        return draft.event_id or ""

    def own(self) -> list[tuple[str, str | None, str | None]]:
        """Action, reason and parent of the receiver's own entries."""
        said = (orjson.loads(row.values) for row in self.reader.read(0, 1000) if row.kind == "entry")
        own = [each for each in said if each["action"].startswith("audit.")]
        return [(each["action"], each.get("reason"), each.get("parent_event_id")) for each in own]

    def close_follower(self) -> None:
        """The follower's process ends."""
        for each in (self.refused, self.refused_reader, self.letters, self.open_letters, self.requests):
            each.close()
        self.upkeep._reader.close()

    def close(self) -> None:
        """Let go of everything."""
        self.close_follower()
        self.reader.close()
        self.journal.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep_module, "BATCH_ROWS", 2)


def state(world: World, request_id: str) -> tuple[str, str | None]:
    [found] = world.requests._db.execute("SELECT state, reason FROM requests WHERE id = ?", (request_id,)).fetchall()
    return found[0], found[1]


# -- rebuilds -------------------------------------------------------------------------------------------------


def test_a_rebuild_restores_every_entry_and_says_so(world: World) -> None:
    """Those that were lost are asked of their traces again; the request and its end are entries."""
    world.entries(1, 2, 3)
    world.follow()
    lost = world.index._filed.pop(("default", event_id(3)))
    asked = world.rebuild()
    world.keep_up()
    assert world.index.get("default", event_id(3)) == lost.entry
    assert state(world, asked) == ("done", None)
    assert [(action, parent) for action, _, parent in world.own()][-1] == (REBUILT, asked)
    assert event_id(3) in world.learned


def test_a_rebuild_of_one_partition_touches_no_other(world: World) -> None:
    """Entries of other months stay as they are, lost or not."""
    world.entries(1, 2)
    world.entries(3, timestamp="2026-10-01T00:00:00.000000000Z")
    world.follow()
    world.index._filed.clear()
    world.rebuild("2026.10")
    world.keep_up()
    assert ids(world.index, Query()) == [event_id(3)]


def test_a_rebuild_goes_on_after_a_crash(world: World) -> None:
    """From where it was; of the batch of which it is not known what it learned, it learns again."""
    world.entries(1, 2, 3, 4, 5)
    world.follow()
    asked = world.rebuild()
    world.follow()
    assert world.upkeep.once()
    world.close_follower()
    world.open()
    world.index.restored.clear()
    world.keep_up()
    assert world.index.restored[:3] == [event_id(3), event_id(4), event_id(5)]
    assert world.learned[:2] == [event_id(3), event_id(4)]
    assert state(world, asked) == ("done", None)


def test_an_index_that_is_away_is_waited_for(world: World) -> None:
    """The rebuild stays open where it is."""
    world.entries(1)
    asked = world.rebuild()
    world.follow()
    world.index.away = True
    with pytest.raises(Unavailable):
        world.upkeep.once()
    assert state(world, asked) == ("open", None)
    world.index.away = False
    world.keep_up()
    assert state(world, asked) == ("done", None)


def test_what_was_done_is_not_done_again_from_an_empty_file(world: World) -> None:
    """Somebody deletes requests.db: the journal tells which requests were done, before any is begun."""
    world.entries(1)
    world.rebuild()
    world.keep_up()
    world.close_follower()
    for path in world.data_dir.glob("requests.db*"):
        path.unlink()
    world.open()
    world.index.restored.clear()
    first = world.reader.read(0, 2)
    world.requests.step(first)  # the request, and not yet its end
    assert world.requests.next() is not None
    assert not world.upkeep.once()
    world.keep_up()
    assert world.index.restored == []
    assert [action for action, _, _ in world.own()].count(REBUILT) == 1


def test_a_rebuild_takes_in_what_was_refused(world: World) -> None:
    """What the index takes now leaves the store, what it refuses still stays in it; nothing is in neither."""
    world.index.refuses = {event_id(1): "bad", event_id(2): "bad"}
    world.entries(1, 2, 3)
    world.follow()
    assert world.refused_reader.page("default", None, 9) == [2, 1]
    del world.index.refuses[event_id(2)]
    world.rebuild()
    world.keep_up()
    assert world.refused_reader.page("default", None, 9) == [1]
    assert ids(world.index, Query()) == [event_id(3), event_id(2)]


def test_a_row_of_which_no_entry_can_be_made_holds_up_no_other(world: World) -> None:
    """It is refused with the reason, and put as soon as it can be read."""
    world.tell([Draft("entry", "default", "x", b"x", b'{"event_id": "x"}', b"{}", False, now_ns())])
    world.entries(2)
    world.follow()
    assert ids(world.index, Query()) == [event_id(2)]
    refusal = world.refused_reader.one("default", 1)
    assert refusal is not None
    assert "no entry can be made of it" in refusal.reason
    assert refusal.entry == b'{"event_id": "x"}'
    asked = world.retry(1)
    world.keep_up()
    assert state(world, asked)[0] == "failed"
    assert world.refused_reader.page("default", None, 9) == [1]


def test_a_full_store_holds_the_indexer_up_until_there_is_room(world: World) -> None:
    """Nothing is passed over meanwhile; dropping one is enough to go on."""
    world.index.refused = small = RefusedStore(world.data_dir, Index(refused_max_entries=1))
    world.index.refuses = {event_id(1): "bad", event_id(2): "bad"}
    world.entries(1, 2, 3)
    rows = world.reader.read(0, 3)
    for _ in range(2):
        with pytest.raises(Unavailable, match="full"):
            world.indexer.step(rows)
        assert world.indexer.cursor() == 0
    world.indexer.step(rows[:1])
    world.tell([dropped(Place("default", world.reader.log, 1), {"user.id": "ann"}, "known", now_ns())])
    world.letters.step(world.reader.read(0, 9))
    world.indexer.step(rows[1:])
    small.close()
    assert world.refused_reader.page("default", None, 9) == [2]
    assert ids(world.index, Query()) == [event_id(3)]


# -- retries --------------------------------------------------------------------------------------------------


def quarantine(world: World, readable: bool = False, sender: str | None = None) -> int:
    """An event is set aside; its row. One that is *readable* was set aside by a version that did not know better."""
    [draft] = extract(
        span_events(LOGIN_OF_NOBODY.SerializeToString()), Reception(NOON + SECOND, sender=sender)
    ).quarantined
    if readable:
        kept = orjson.loads(draft.values) | {"raw": b64encode(LOGIN.SerializeToString()).decode()}
        draft = replace(draft, values=orjson.dumps(kept))
    world.tell([draft])
    return world.reader.last_seq()


LOGIN = request(span(event("user.login.failed", audit__reason="x")))
LOGIN_OF_NOBODY = request(span(event("user.login.failed", audit__reason="x", audit__record__id="no uuid")))


def test_an_event_that_can_be_read_now_becomes_an_entry(world: World) -> None:
    """As of its receipt, once, and the letter is closed; the request and what came of it are entries."""
    seq = quarantine(world, readable=True)
    asked = world.retry(seq)
    world.keep_up()
    [found] = world.index.search(Query()).entries
    assert (found.action, found.reason, found.anomalies) == ("user.login.failed", "x", ())
    assert found.received_at == rfc3339(NOON + SECOND)
    assert world.reader.read(seq, 9)[1].received_ns > NOON + SECOND  # a row stands in the order in which it was written
    assert world.open_letters.state("default", seq) == "retried"
    assert state(world, asked) == ("done", None)
    told = world.own()[-2:]
    assert [action for action, _, _ in told] == ["audit.deadletter.retry.requested", "audit.deadletter.retry.success"]
    assert told[1][2] == asked


def test_an_event_that_is_still_broken_has_the_same_answer(world: World) -> None:
    """The reason is told again, and the letter stays open."""
    seq = quarantine(world)
    asked = world.retry(seq)
    world.keep_up()
    reason = orjson.loads(world.reader.read(seq - 1, 1)[0].values)["reason"]
    assert state(world, asked) == ("failed", reason)
    assert world.open_letters.page("default", None, 9) == [seq]
    assert world.own()[-1][:2] == ("audit.deadletter.retry.failed", reason)


@pytest.mark.parametrize(("sender", "marked"), [("shop", True), ("gone", True), (None, False)])
def test_a_retry_claims_no_more_than_its_sender_may(world: World, sender: str | None, marked: bool) -> None:
    """The credential of then is asked as it is now; of one that is no more, everything is marked."""
    world.retry(quarantine(world, readable=True, sender=sender))
    world.keep_up()
    [found] = world.index.search(Query()).entries
    assert (UNAUTHORISED in found.anomalies) == marked
    assert found.sender is not None
    assert found.sender.id == sender


def test_a_retry_that_a_crash_repeats_is_one_entry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after it was told and before that was noted, it tells the same event again."""
    seq = quarantine(world, readable=True)
    world.retry(seq)
    world.follow()

    def crash(*_: object) -> None:
        raise Unavailable("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(world.requests, "close_request", crash)
        with pytest.raises(Unavailable):
            world.upkeep.once()
    world.keep_up()
    assert world.index.search(Query()).total.value == 1


def test_a_refused_entry_is_put_again(world: World) -> None:
    """It is in the index and out of the store; or still refused, with the reason of now."""
    world.index.refuses = {event_id(1): "bad"}
    world.entries(1)
    world.follow()
    world.index.refuses = {event_id(1): "worse"}
    asked = world.retry(1)
    world.keep_up()
    assert state(world, asked) == ("failed", "worse")
    world.index.refuses = {}
    asked = world.retry(1)
    world.keep_up()
    assert state(world, asked) == ("done", None)
    assert ids(world.index, Query()) == [event_id(1)]
    assert world.refused.size().entries == 0
    assert set(world.learned) == {event_id(1)}


def test_a_letter_that_is_not_there_is_said(world: World) -> None:
    """A request for nothing fails and holds up no other."""
    asked = world.retry(99)
    world.keep_up()
    assert state(world, asked) == ("failed", "there is no such dead letter")


def test_a_retry_does_not_wait_for_a_long_rebuild(world: World) -> None:
    """It is done between two batches."""
    world.entries(1, 2, 3, 4, 5)
    seq = quarantine(world)
    rebuild = world.rebuild()
    world.follow()
    assert world.upkeep.once()
    retry = world.retry(seq)
    world.follow()
    assert world.upkeep.once()
    assert (state(world, retry)[0], state(world, rebuild)[0]) == ("failed", "open")
