"""What is recorded inside a Django transaction says how that transaction ended."""

import asyncio
import contextlib
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.http import HttpRequest, HttpResponse

from otel_audit import _transaction
from otel_audit.errors import AuditNotStored
from otel_audit.integrations.django import held
from otel_audit.integrations.django import transactions as integration
from tests.sdk.integrations.django_database import database

# Nothing here is an application, so Django takes every query for one at start-up.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the database during app initialization:RuntimeWarning")

ONE, TWO, PG = "audit_one", "audit_two", "audit_pg"


class Story(list[str]):
    """What became of the events, in order; ``name happened`` or ``name failed``."""

    reasons: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.reasons = {}

    def record(self, name: str, *, stored: bool | None = None) -> None:
        """Record *name* here and now; *stored* makes it ``enforced``, with that answer."""
        event = Recorded(self, name, stored)
        within = _transaction.current()
        if within is not None:
            within.add(event)
        elif (answer := event.release()) is not None:
            answer.wait()


class Recorded:
    """A pending event that writes down what it is told."""

    def __init__(self, story: Story, name: str, stored: bool | None) -> None:
        self.story, self.name, self.stored = story, name, stored

    def release(self) -> "Recorded | None":
        self.story.append(f"{self.name} happened")
        return None if self.stored is None else self

    def fail(self, reason: str) -> None:
        self.story.append(f"{self.name} failed")
        self.story.reasons[self.name] = reason

    def wait(self) -> str:
        self.story.append(f"{self.name} waited for")
        if not self.stored:
            raise AuditNotStored("no answer", self.name)
        return "receipt"


@pytest.fixture(scope="module")
def _aliases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Aliases of our own: settings can be configured once in a process, and others may have done it."""
    if not settings.configured:
        settings.configure(DATABASES={})
    where = tmp_path_factory.mktemp("django")
    for alias in (ONE, TWO):
        connections.settings[alias] = database("sqlite3", NAME=str(where / alias))
        execute("CREATE TABLE thing (name TEXT)", alias)
        forget(alias)
    yield
    for alias in (ONE, TWO):
        del connections.settings[alias]


@pytest.fixture(autouse=True)
def installed(_aliases: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The watcher, for one test alone; no connection is left to the next."""
    monkeypatch.setattr(_transaction, "_watchers", ())
    integration.install()
    yield
    forget(ONE, TWO)


def forget(*aliases: str) -> None:
    """Close and forget this thread's connections."""
    for alias in aliases:
        connections[alias].close()
        del connections[alias]


@pytest.fixture
def story() -> Story:
    return Story()


def execute(sql: str, using: str = ONE) -> Any:
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


class Broken(Exception):
    """What the application raises to have a block rolled back."""


@contextlib.contextmanager
def rolled_back(using: str = ONE, **kwargs: Any) -> Iterator[None]:
    """An atomic block that ends with an exception."""
    with contextlib.suppress(Broken), transaction.atomic(using, **kwargs):
        yield
        raise Broken


# Outside, and how a whole transaction ends


def test_outside_a_transaction_nothing_waits(story: Story) -> None:
    """In autocommit mode, connected or not, an event is told at once."""
    story.record("before connecting")
    execute("INSERT INTO thing VALUES ('x')")
    story.record("connected")
    assert story == ["before connecting happened", "connected happened"]


def test_asking_opens_no_connection() -> None:
    """The watcher neither makes a connection object nor connects one that is there."""
    assert _transaction.current() is None
    assert [c.alias for c in connections.all(initialized_only=True) if c.alias == ONE] == []
    assert connections[ONE].connection is None
    assert _transaction.current() is None
    assert connections[ONE].connection is None


def test_a_commit_tells_all_in_order(story: Story) -> None:
    """Nothing is told before the commit; then everything, in the order it was recorded."""
    with transaction.atomic(ONE):
        story.record("a")
        with transaction.atomic(ONE):
            story.record("b")
        story.record("c")
        assert story == []
    assert story == ["a happened", "b happened", "c happened"]


def test_a_rollback_fails_all(story: Story) -> None:
    """What was rolled back is told as failed as soon as the block is left, without waiting for a collection."""
    gc.disable()
    try:
        with rolled_back():
            story.record("a")
            with transaction.atomic(ONE):
                story.record("b")
    finally:
        gc.enable()
    assert story == ["a failed", "b failed"]
    assert story.reasons["a"] == "the transaction was rolled back"


def test_set_rollback_rolls_back(story: Story) -> None:
    """A rollback without an exception is one, too."""
    with transaction.atomic(ONE):
        story.record("a")
        transaction.set_rollback(True, ONE)
    assert story == ["a failed"]


@pytest.mark.parametrize("kwargs", [{"durable": True}, {"savepoint": False}])
def test_every_kind_of_outermost_block(story: Story, kwargs: dict[str, bool]) -> None:
    """``durable`` and ``savepoint=False`` change nothing for the outermost block."""
    with transaction.atomic(ONE, **kwargs):
        story.record("a")
    with rolled_back(ONE, **kwargs):
        story.record("b")
    assert story == ["a happened", "b failed"]


def test_one_transaction_after_another(story: Story) -> None:
    """Each transaction answers for its own events."""
    for name in "abc":
        with transaction.atomic(ONE) if name != "b" else rolled_back():
            story.record(name)
        story.record(f"after {name}")
    assert story == ["a happened", "after a happened", "b failed", "after b happened", "c happened", "after c happened"]


def test_the_connection_is_left_as_it_was(story: Story) -> None:
    """After the end nothing of ours is left on the connection, and what another had put there is back."""
    before = dict(connections[ONE].__dict__)
    with transaction.atomic(ONE):
        story.record("a")
        assert connections[ONE].__dict__.keys() != before.keys()
        opened = connections[ONE].__dict__[integration._OPEN]
    assert not opened._thrown_away.alive
    assert not [name for name in (*integration._FOLLOWED, integration._OPEN) if name in connections[ONE].__dict__]

    with mock.patch.object(connections[ONE], "commit", wraps=connections[ONE].commit) as theirs:
        with transaction.atomic(ONE):
            story.record("b")
        assert theirs.call_count == 1
        assert connections[ONE].commit is theirs
    assert story == ["a happened", "b happened"]


def test_another_may_wrap_the_same_methods(story: Story) -> None:
    """Whoever replaces a method while we follow it keeps it, and the end is still told."""
    with transaction.atomic(ONE):
        story.record("a")
        theirs = mock.Mock(wraps=connections[ONE].commit)
        connections[ONE].commit = theirs
    assert connections[ONE].commit is theirs
    with rolled_back():
        story.record("b")
    with transaction.atomic(ONE):
        story.record("c")
    assert story == ["a happened", "b failed", "c happened"]
    del connections[ONE].commit


# Savepoints


def test_a_savepoint_rolled_back_fails_its_own_events(story: Story) -> None:
    """Only what was recorded in the inner block failed, released inner blocks within it included."""
    with transaction.atomic(ONE):
        story.record("before")
        with rolled_back():
            story.record("inside")
            with transaction.atomic(ONE):
                story.record("deeper")
            story.record("inside again")
        assert story == ["inside failed", "deeper failed", "inside again failed"]
        story.record("after")
    assert story[3:] == ["before happened", "after happened"]
    assert story.reasons["deeper"] == held.TO_SAVEPOINT


def test_a_released_savepoint_goes_with_the_outer_block(story: Story) -> None:
    """A savepoint that was released may still be rolled back with what surrounds it."""
    with rolled_back():
        with transaction.atomic(ONE):
            story.record("inside")
        assert story == []
    assert story == ["inside failed"]


def test_siblings_do_not_share_an_end(story: Story) -> None:
    """Of two inner blocks one after the other, only the one rolled back failed."""
    with transaction.atomic(ONE):
        with transaction.atomic(ONE):
            story.record("first")
        with rolled_back():
            story.record("second")
        with transaction.atomic(ONE):
            story.record("third")
    assert story == ["second failed", "first happened", "third happened"]


def test_an_inner_block_without_savepoint_takes_the_outer_one_along(story: Story) -> None:
    """Where there is no savepoint, a rollback of the inner block is one of the whole."""
    with transaction.atomic(ONE):
        story.record("outer")
        with rolled_back(savepoint=False):
            story.record("inner")
        story.record("doomed")
        assert story == []
    assert story == ["outer failed", "inner failed", "doomed failed"]


def test_manual_savepoints(story: Story) -> None:
    """``savepoint_rollback()`` undoes what was recorded since that savepoint, also where the savepoint came first."""
    with transaction.atomic(ONE):
        first = transaction.savepoint(ONE)
        story.record("since first")
        second = transaction.savepoint(ONE)
        story.record("since second")
        transaction.savepoint_rollback(second, ONE)
        assert story == ["since second failed"]
        story.record("again")
        transaction.savepoint_commit(second, ONE)
        transaction.savepoint_rollback(first, ONE)
        assert story[1:] == ["since first failed", "again failed"]
        third = transaction.savepoint(ONE)
        story.record("kept")
        transaction.savepoint_commit(third, ONE)
    assert story[3:] == ["kept happened"]


# What happens at the commit


def test_a_commit_that_fails_is_a_rollback(story: Story) -> None:
    """A deferred constraint is looked at by COMMIT alone: what it refuses did not happen."""
    execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    execute("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")

    @transaction.atomic(ONE)
    def block() -> None:
        execute("INSERT INTO child VALUES (7)")
        story.record("a")

    with pytest.raises(IntegrityError):
        block()
    assert story == ["a failed"]
    assert story.reasons["a"] == integration.COMMIT_FAILED
    assert execute("SELECT count(*) FROM child") == [(0,)]
    execute("DROP TABLE child")
    execute("DROP TABLE parent")


def test_a_missing_receipt_comes_out_of_the_block(story: Story) -> None:
    """AuditNotStored is raised by leaving the block: the transaction stands, every event is out, all callbacks ran."""

    @transaction.atomic(ONE)
    def block() -> None:
        transaction.on_commit(lambda: story.append("callback before"), ONE)
        story.record("a", stored=False)
        with transaction.atomic(ONE):
            story.record("b", stored=True)
        transaction.on_commit(lambda: story.append("callback after"), ONE)
        execute("INSERT INTO thing VALUES ('stands')")

    with pytest.raises(AuditNotStored):
        block()
    assert story == [
        "a happened", "b happened", "a waited for", "b waited for", "callback before", "callback after",
    ]  # fmt: skip
    assert execute("SELECT count(*) FROM thing WHERE name = 'stands'") == [(1,)]
    with transaction.atomic(ONE):
        story.record("next")
    assert story[-1] == "next happened"


def test_a_callback_that_raises_does_not_undo_what_happened(story: Story) -> None:
    """Django drops the later callbacks when one raises; the events were told before."""

    @transaction.atomic(ONE)
    def block() -> None:
        transaction.on_commit(mock.Mock(side_effect=Broken), ONE)
        story.record("a")

    with pytest.raises(Broken):
        block()
    gc.collect()
    assert story == ["a happened"]


def test_a_callback_records_outside(story: Story) -> None:
    """What an application's callback records after the commit is told at once, after the transaction's own."""
    with transaction.atomic(ONE):
        transaction.on_commit(lambda: story.record("callback"), ONE)
        story.record("a")
    assert story == ["a happened", "callback happened"]


# Manual transactions


def test_manual_transactions(story: Story) -> None:
    """With autocommit off, ``commit()`` and ``rollback()`` end what was recorded since the last of them."""
    transaction.set_autocommit(False, ONE)
    story.record("a")
    transaction.commit(ONE)
    assert story == ["a happened"]
    story.record("b")
    transaction.rollback(ONE)
    assert story[1:] == ["b failed"]
    story.record("c")
    with transaction.atomic(ONE):
        story.record("d")
    story.record("e", stored=False)
    with pytest.raises(AuditNotStored):
        transaction.commit(ONE)
    assert story[2:] == ["c happened", "d happened", "e happened", "e waited for"]
    transaction.rollback(ONE)
    transaction.set_autocommit(True, ONE)
    gc.collect()
    assert len(story) == 6


def test_turning_autocommit_on_commits(story: Story) -> None:
    """``set_autocommit(True)`` commits what was open."""
    transaction.set_autocommit(False, ONE)
    execute("INSERT INTO thing VALUES ('manual')")
    story.record("a")
    transaction.set_autocommit(True, ONE)
    assert story == ["a happened"]
    forget(ONE)
    assert execute("SELECT count(*) FROM thing WHERE name = 'manual'") == [(1,)]


def test_a_forbidden_end_is_none(story: Story) -> None:
    """``commit()`` inside an atomic block is refused by Django, and ends nothing."""
    with transaction.atomic(ONE):
        story.record("a")
        for end in (transaction.commit, transaction.rollback):
            with pytest.raises(transaction.TransactionManagementError):
                end(ONE)
        assert story == []
    assert story == ["a happened"]
    with rolled_back():
        story.record("b")
        with contextlib.suppress(transaction.TransactionManagementError):
            transaction.commit(ONE)
    assert story.reasons["b"] == "the transaction was rolled back"


# Several databases


def test_an_event_waits_for_everydatabase(story: Story) -> None:
    """Inside two transactions it happened once both have committed."""
    with transaction.atomic(TWO):
        story.record("two alone")
        with transaction.atomic(ONE):
            story.record("both")
        assert story == []
    assert story == ["two alone happened", "both happened"]


def test_an_event_fails_with_the_firstdatabase(story: Story) -> None:
    """One rollback is enough, whatever the other did or does."""
    with transaction.atomic(TWO):
        with rolled_back(ONE):
            story.record("inner rolled back")
        assert story == ["inner rolled back failed"]
        story.record("two alone")
    assert story[1:] == ["two alone happened"]
    with rolled_back(TWO), transaction.atomic(ONE):
        story.record("outer rolled back")
    assert story[2:] == ["outer rolled back failed"]
    with rolled_back(TWO), rolled_back(ONE):
        story.record("each rolled back")
    assert story[3:] == ["each rolled back failed"]


def test_the_last_commit_raises(story: Story) -> None:
    """A missing receipt comes out of the commit that released the event."""

    @transaction.atomic(TWO)
    def block() -> None:
        with transaction.atomic(ONE):
            story.record("both", stored=False)
        story.append("one has ended")

    with pytest.raises(AuditNotStored):
        block()
    assert story == ["one has ended", "both happened", "both waited for"]


# Connections that go away


def test_closing_inside_the_block_is_a_rollback(story: Story) -> None:
    """The database rolls back a closed connection's work; what the block still records cannot happen either."""
    with transaction.atomic(ONE):
        story.record("a")
        connections[ONE].close()
        assert story == ["a failed"]
        story.record("b")
        assert story == ["a failed", "b failed"]
    story.record("outside")
    with transaction.atomic(ONE):
        story.record("c")
    assert story[2:] == ["outside happened", "c happened"]
    assert story.reasons["a"] == story.reasons["b"] == held.CONNECTION_LOST


def test_closing_a_manual_transaction_is_a_rollback(story: Story) -> None:
    """What was never committed is lost with the connection; events after it are outside."""
    transaction.set_autocommit(False, ONE)
    story.record("a")
    connections[ONE].close()
    story.record("b")
    assert story == ["a failed", "b happened"]


def test_a_connection_exchanged_under_django_is_a_rollback(story: Story) -> None:
    """The driver's connection may be taken away without a word: that is noticed, and is never called a commit."""
    for again in (lambda: None, lambda: execute("SELECT 1")):
        transaction.set_autocommit(False, ONE)
        story.record("a")
        driver, connections[ONE].connection = connections[ONE].connection, None
        driver.close()
        again()
        story.record("b")
        assert story == ["a failed", "b happened"]
        story.clear()


def test_a_commit_whose_answer_is_lost_says_so(story: Story) -> None:
    """Where the connection breaks during COMMIT nobody knows the end, and the reason says exactly that."""
    with (
        pytest.raises(DatabaseError),
        mock.patch.object(connections[ONE], "_commit", side_effect=DatabaseError),
        mock.patch.object(connections[ONE], "_rollback", side_effect=DatabaseError),
        transaction.atomic(ONE),
    ):
        story.record("a")
    assert story == ["a failed"]
    assert story.reasons["a"] == integration.COMMIT_UNKNOWN


# Threads, tasks and processes


def in_a_thread(work: Callable[[], None]) -> None:
    """Run *work* in a thread of its own to its end; what it raises comes out."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    if raised:
        raise raised[0]


def test_threads_do_not_mix(story: Story) -> None:
    """Another thread's events do not wait for this thread's transaction, nor end with it."""

    def other() -> None:
        story.record("outside")
        with transaction.atomic(TWO):
            story.record("theirs")
        connections[TWO].close()

    with rolled_back():
        story.record("ours")
        in_a_thread(other)
        assert story == ["outside happened", "theirs happened"]
    assert story[2:] == ["ours failed"]


def test_asynchronous_code(story: Story) -> None:
    """Work handed over by ``sync_to_async`` waits for the transaction of the thread it runs on; a task does not."""

    def work() -> None:
        with transaction.atomic(ONE):
            story.record("handed over")
            with rolled_back():
                story.record("rolled back")
        forget(ONE)

    async def view() -> None:
        story.record("task")
        await sync_to_async(work)()

    asyncio.run(view())
    assert story == ["task happened", "rolled back failed", "handed over happened"]


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_a_thread_that_ends_inside_a_transaction_rolled_it_back(story: Story) -> None:
    """A connection thrown away without a word takes its transaction along."""

    def work() -> None:
        transaction.atomic(ONE).__enter__()
        story.record("a")

    in_a_thread(work)
    gc.collect()
    assert story == ["a failed"]
    assert story.reasons["a"] == held.CONNECTION_LOST


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_an_error_while_collecting_is_logged(story: Story, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody hears what a finaliser raises, so it is logged."""

    def work() -> None:
        transaction.atomic(ONE).__enter__()
        with mock.patch.object(Recorded, "fail", side_effect=Broken("no room")):
            story.record("a")

    with mock.patch.object(Recorded, "fail", side_effect=Broken("no room")), caplog.at_level(logging.ERROR):
        in_a_thread(work)
        gc.collect()
    assert [(each.name, each.levelname) for each in caplog.records] == [("otel_audit", "ERROR")]


SCRIPT = """
import os, sys
from otel_audit import _transaction
from otel_audit.integrations import django as integration

class Event:
    def release(self):
        os.write(1, b"happened ")
    def fail(self, reason):
        os.write(1, b"failed ")

def record():
    within = _transaction.current()
    within.add(Event()) if within else Event().release()

integration.install()
integration.install()
assert len(_transaction._watchers) == 1
os.environ["DJANGO_SETTINGS_MODULE"] = "settings_that_are_read_too_early"
assert _transaction.current() is None
from django.conf import settings
assert not settings.configured
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}})
import django
django.setup()
from django.db import connection, connections, transaction
"""


def script(tmp_path: Path, text: str) -> str:
    """What a process of its own says that runs *text* after installing ahead of Django's settings."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT + text, str(tmp_path / "database")], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_installed_before_the_settings(tmp_path: Path) -> None:
    """``install()`` works before Django is configured, twice is once, and nothing is asked of settings not there."""
    assert script(tmp_path, "with transaction.atomic():\n    record()\n    os.write(1, b'then ')") == "then happened "


def test_no_usable_databases_is_no_transaction(tmp_path: Path) -> None:
    """Settings without a default database disturb Django when it needs one, never ``record()``."""
    assert script(tmp_path, "settings.DATABASES = {'other': {}}\nrecord()") == "happened "


def test_the_end_of_the_interpreter_declares_nothing(tmp_path: Path) -> None:
    """An interpreter that ends inside a transaction leaves its events pending."""
    assert script(tmp_path, "transaction.atomic().__enter__()\nrecord()") == ""
    dropped = "transaction.atomic().__enter__()\nrecord()\ndel connections['default']\nimport gc\ngc.collect()"
    assert script(tmp_path, dropped) == "failed "


def test_a_forked_child_leaves_the_transaction_to_its_parent(tmp_path: Path) -> None:
    """Whatever the child does to its copy of the connection, only the parent tells the end, once."""
    text = """
block = transaction.atomic()
block.__enter__()
record()
leave = lambda: block.__exit__(None, None, None)
for end in (connections.close_all, leave, lambda: connections.__delitem__("default")):
    child = os.fork()
    if not child:
        import gc
        connection.connection = None  # the parent's file is not the child's to write to
        end()
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
os.write(1, b"then ")
leave()
"""
    assert script(tmp_path, text) == "then happened "


def test_a_forked_child_records_for_itself(tmp_path: Path) -> None:
    """What a child records inside the transaction it was born into ends with what the child does."""
    text = """
with transaction.atomic():
    record()
    child = os.fork()
    if not child:
        record()
        connection.close()
        os._exit(0)
    os.waitpid(child, 0)
"""
    assert script(tmp_path, text) == "failed happened "


# What Django offers on top


@pytest.mark.parametrize("stored", [True, False])
def test_atomic_requests(story: Story, stored: bool) -> None:
    """A view under ATOMIC_REQUESTS is a transaction: its events are told, and waited for, before it answers."""

    def view(request: HttpRequest) -> HttpResponse:
        story.record("a", stored=stored)
        story.append("answered")
        return HttpResponse()

    with mock.patch.dict(connections.settings[ONE], {"ATOMIC_REQUESTS": True}):
        atomic_view = BaseHandler().make_view_atomic(view)
    with contextlib.nullcontext() if stored else pytest.raises(AuditNotStored):
        atomic_view(HttpRequest())
    assert story == ["answered", "a happened", "a waited for"]


def test_inside_testcase_the_captured_callbacks_stand_for_the_commit(story: Story) -> None:
    """Inside TestCase nothing is committed: ``captureOnCommitCallbacks(execute=True)`` releases what was captured."""
    from django.test import TestCase

    with rolled_back():  # as TestCase does around each test
        story.record("not captured")
        with TestCase.captureOnCommitCallbacks(using=ONE, execute=True):
            with transaction.atomic(ONE):
                story.record("a")
            with rolled_back():
                story.record("b")
        assert story == ["b failed", "a happened"]
        story.record("c")
    assert story[2:] == ["not captured failed", "c failed"]


def test_captured_callbacks_inside_a_real_transaction(story: Story) -> None:
    """What was not captured is still told by the commit, all of it, before a missing receipt is raised."""
    from django.test import TestCase

    @transaction.atomic(ONE)
    def block() -> None:
        story.record("a", stored=False)
        with TestCase.captureOnCommitCallbacks(using=ONE, execute=True), transaction.atomic(ONE):
            story.record("b")
        assert story == ["b happened"]
        story.record("c", stored=False)

    with pytest.raises(AuditNotStored, match="event a"):
        block()
    assert story[1:] == ["a happened", "a waited for", "c happened", "c waited for"]


# PostgreSQL


@pytest.fixture(scope="module")
def _postgres(_aliases: None) -> Iterator[None]:
    from psycopg.conninfo import conninfo_to_dict

    from tests.parts import postgres

    with postgres.running() as url:
        given = conninfo_to_dict(url.replace("postgresql+psycopg:", "postgresql:"))
        names = {"NAME": "dbname", "HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        at = {name: given.get(theirs) or "" for name, theirs in names.items()}
        connections.settings[PG] = database("postgresql", **at)
        execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)", PG)
        execute("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)", PG)
        forget(PG)
        yield
        del connections.settings[PG]


@pytest.fixture
def pg(_postgres: None) -> Iterator[str]:
    """The alias of a real PostgreSQL."""
    yield PG
    forget(PG)


def test_postgresql_commits_and_rolls_back(pg: str, story: Story) -> None:
    """Blocks, savepoints and manual transactions end on PostgreSQL as they do on SQLite."""
    with transaction.atomic(pg):
        story.record("a")
        with rolled_back(pg):
            story.record("b")
        sid = transaction.savepoint(pg)
        story.record("c")
        transaction.savepoint_rollback(sid, pg)
    with rolled_back(pg):
        story.record("d")
    transaction.set_autocommit(False, pg)
    story.record("e")
    sid = transaction.savepoint(pg)
    story.record("f")
    transaction.savepoint_rollback(sid, pg)
    transaction.commit(pg)
    assert story == ["b failed", "c failed", "a happened", "d failed", "f failed", "e happened"]


def test_postgresql_refuses_at_the_commit(pg: str, story: Story) -> None:
    """A deferred constraint makes COMMIT fail: the events failed, also those of released savepoints."""

    @transaction.atomic(pg)
    def block() -> None:
        execute("INSERT INTO child VALUES (7)", pg)
        story.record("a")
        with transaction.atomic(pg):
            story.record("b")

    with pytest.raises(IntegrityError):
        block()
    assert story == ["a failed", "b failed"]
    assert story.reasons["a"] == integration.COMMIT_FAILED


def test_postgresql_rolls_back_at_the_commit_without_a_word(pg: str, story: Story) -> None:
    """An error swallowed inside the block makes PostgreSQL answer COMMIT with ROLLBACK, which Django takes for done."""
    with transaction.atomic(pg):
        execute("INSERT INTO parent VALUES (1)", pg)
        story.record("a")
        with contextlib.suppress(DatabaseError):
            execute("SELECT * FROM nothing_of_that_name", pg)
    assert story == ["a failed"]
    assert story.reasons["a"] == integration.ABORTED
    assert execute("SELECT count(*) FROM parent", pg) == [(0,)]


@pytest.mark.parametrize("noticed", ["in the block", "by the commit"])
def test_postgresql_ends_the_connection(pg: str, story: Story, noticed: str) -> None:
    """A connection ended by the server is a rollback, whoever notices it."""

    def terminate(pid: int) -> None:
        execute(f"SELECT pg_terminate_backend({pid})", pg)
        forget(pg)

    @transaction.atomic(pg)
    def block() -> None:
        story.record("a")
        [(pid,)] = execute("SELECT pg_backend_pid()", pg)
        in_a_thread(lambda: terminate(pid))
        if noticed == "in the block":
            execute("SELECT 1", pg)

    with pytest.raises(DatabaseError):
        block()
    assert story == ["a failed"]
    assert story.reasons["a"] == (held.CONNECTION_LOST if noticed == "in the block" else integration.COMMIT_UNKNOWN)
    with transaction.atomic(pg):
        story.record("b")
    assert story[1:] == ["b happened"]


def test_postgresql_does_not_turn_autocommit_on_inside_a_transaction(pg: str, story: Story) -> None:
    """What psycopg refuses has ended nothing."""
    transaction.set_autocommit(False, pg)
    execute("INSERT INTO parent VALUES (2)", pg)
    story.record("a")
    with pytest.raises(DatabaseError):
        transaction.set_autocommit(True, pg)
    assert story == []
    transaction.rollback(pg)
    assert story == ["a failed"]
