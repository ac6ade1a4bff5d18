"""What is recorded inside a transaction of SQLAlchemy is told as that transaction ended, on a real PostgreSQL."""

import asyncio
import contextvars
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKey, create_engine, event, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SAWarning
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

import otel_audit
from otel_audit import _transaction
from otel_audit._transaction import Awaited, Pending
from otel_audit.errors import AuditNotStored
from otel_audit.integrations import sqlalchemy
from otel_audit.integrations.sqlalchemy import transactions
from otel_audit.testing import capture


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    #: Checked at the COMMIT alone.
    after: Mapped[int | None] = mapped_column(ForeignKey("orders.id", deferrable=True, initially="DEFERRED"))


@pytest.fixture(scope="module")
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    monkeypatch.setattr(_transaction, "_watchers", ())
    sqlalchemy.install()
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE orders"))


class _Told:
    """A pending event that keeps how it ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def release(self) -> Awaited | None:
        self.ends.append("happened")
        return None

    def fail(self, reason: str) -> None:
        self.ends.append("failed")


def _record() -> list[str]:
    """An event recorded here and now; how it ends is told in what is returned."""
    told = _Told()
    transaction = _transaction.current()
    if transaction is None:
        told.ends.append("outside")
    else:
        transaction.add(told)
    return told.ends


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def test_outside_any_transaction_nothing_waits(session: Session):
    """A session that has not begun holds nothing."""
    assert _record() == ["outside"]
    session.execute(select(Order))
    session.commit()
    assert _record() == ["outside"]


def test_a_session_that_commits(session: Session):
    """It is told when COMMIT has returned, though nothing was flushed when it was recorded."""
    session.add(Order(id=1))
    told = _record()
    assert told == []
    session.commit()
    assert told == ["happened"]


def test_a_session_that_rolls_back(session: Session):
    """Once, and it is a failure, whatever was written."""
    session.add(Order(id=1))
    session.flush()
    written = _record()
    session.rollback()
    session.begin()
    empty = _record()
    session.rollback()
    assert (written, empty) == (["failed"], ["failed"])


def test_a_block_that_raises(engine: Engine):
    """The session's own block rolls back, and so does the session maker's."""
    told = []

    def fail() -> None:
        with sessionmaker(engine).begin() as session:
            session.add(Order(id=1))
            told.append(_record())
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert told == [["failed"]]


def test_a_commit_that_fails(session: Session):
    """A constraint checked at the COMMIT: the success is never told."""
    session.add(Order(id=1, after=99))
    told = _record()
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    assert told == ["failed"]


def test_a_flush_that_fails(session: Session):
    """The transaction is lost at the flush; what is recorded before the rollback is asked for fails with it."""
    session.add(Order(id=1))
    session.flush()
    before = _record()
    session.expunge_all()
    session.add(Order(id=1))
    with pytest.raises(IntegrityError):
        session.flush()
    after = _record()
    session.rollback()
    assert (before, after) == (["failed"], ["failed"])


def test_a_commit_that_the_database_answers_with_a_rollback(session: Session):
    """An error that was swallowed: PostgreSQL rolls back, and nobody raises."""
    session.add(Order(id=1))
    session.flush()
    told = _record()
    with pytest.raises(DBAPIError):
        session.execute(text("SELECT 1/0"))
    session.commit()
    assert told == ["failed"]
    assert session.scalars(select(Order)).all() == []


def test_a_savepoint_fails_alone(session: Session):
    """What was recorded inside it; what follows goes with the transaction."""
    session.add(Order(id=1))
    outer = _record()
    savepoint = session.begin_nested()
    inner = _record()
    savepoint.rollback()
    assert inner == ["failed"]
    after = _record()
    session.commit()
    assert (outer, after) == (["happened"], ["happened"])


@pytest.mark.parametrize("committed", [True, False])
def test_a_released_savepoint_goes_with_its_transaction(session: Session, committed: bool):
    """Its release proves nothing yet."""
    with session.begin_nested():
        session.add(Order(id=1))
        told = _record()
    assert told == []
    session.commit() if committed else session.rollback()
    assert told == (["happened"] if committed else ["failed"])


def test_savepoints_that_are_open_at_the_rollback(session: Session):
    """The transaction's end is theirs."""
    session.begin_nested()
    session.begin_nested()
    session.add(Order(id=1))
    told = _record()
    session.get_transaction().rollback()  # type: ignore[union-attr]
    assert told == ["failed"]


_JOINS = ["conditional_savepoint", "create_savepoint"]


@pytest.mark.parametrize("mode", _JOINS)
@pytest.mark.parametrize("committed", [True, False])
def test_a_session_inside_the_transaction_of_a_connection(engine: Engine, mode: Any, committed: bool):
    """Its commit proves nothing yet: the connection's transaction decides, and what was recorded there goes with it."""
    with engine.connect() as connection:
        transaction = connection.begin()
        before = _record()
        with Session(connection, join_transaction_mode=mode) as session:
            session.add(Order(id=1))
            inside = _record()
            session.commit()
        assert (before, inside) == ([], [])
        transaction.commit() if committed else transaction.rollback()
    end = ["happened"] if committed else ["failed"]
    assert (before, inside) == (end, end)


def test_a_session_inside_the_savepoint_of_a_connection(engine: Engine):
    """The savepoint is undone after the session's commit, and the session's events with it."""
    with engine.begin() as connection:
        savepoint = connection.begin_nested()
        with Session(connection) as session:
            session.add(Order(id=1))
            told = _record()
            session.commit()
        savepoint.rollback()
        outer = _record()
    assert (told, outer) == (["failed"], ["happened"])


def test_a_session_that_may_commit_the_transaction_of_a_connection(engine: Engine):
    """It was told to control it fully: its commit is the commit."""
    with engine.connect() as connection:
        connection.begin()
        with Session(connection, join_transaction_mode="control_fully") as session:
            session.add(Order(id=1))
            told = _record()
            session.commit()
            assert told == ["happened"]


def test_a_session_whose_connection_was_rolled_back(engine: Engine):
    """Its own commit says nothing any more, and raises nothing."""
    with engine.connect() as connection:
        connection.begin()
        with Session(connection) as session:
            session.add(Order(id=1))
            session.flush()
            told = _record()
            connection.rollback()
            session.commit()
    assert told == ["failed"]


@pytest.mark.parametrize(("wrote", "end"), [(True, ["failed"]), (False, ["happened"])])
def test_a_connection_that_a_session_used_before(engine: Engine, wrote: bool, end: list[str]):
    """Once the session has ended, the connection speaks for itself."""
    with engine.connect() as connection, Session(connection) as session:
        session.scalars(select(Order)).all()
        session.commit()
        connection.execute(insert(Order).values(id=1) if wrote else select(Order))
        told = _record()
    assert told == end


def test_a_rollback_that_fails(engine: Engine):
    """The database is gone, and SQLAlchemy tells of no rollback: it was asked for all the same."""
    with Session(engine) as session, engine.connect() as other:
        backend = session.scalar(select(func.pg_backend_pid()))
        told = _record()
        other.execute(select(func.pg_terminate_backend(backend)))
        with pytest.raises(DBAPIError):
            session.rollback()
    assert told == ["failed"]


@pytest.mark.parametrize("way", ["changed", "deleted"])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_closing_a_session_with_changes_made_after_the_event(engine: Engine, way: str, end: str):
    """They are dropped before SQLAlchemy tells that the session is closed."""
    with Session(engine) as session:
        session.add(Order(id=1))
        session.commit()
        order = session.get_one(Order, 1)
        told = _record()
        if way == "changed":
            order.after = 1
        else:
            session.delete(order)
        getattr(session, end)()
        assert told == ["failed"]


@pytest.mark.parametrize(
    ("statement", "end"),
    [
        ("/* who asks */ SELECT 1", "happened"),
        ("(SELECT 1) UNION (SELECT 2)", "happened"),
        ("TABLE orders", "happened"),
        ("EXPLAIN SELECT 1", "happened"),
        ("WITH one AS (SELECT id FROM orders FOR UPDATE) SELECT * FROM one", "happened"),
        ("WITH one AS (INSERT INTO orders (id) VALUES (1) RETURNING id) SELECT * FROM one", "failed"),
        ("EXPLAIN ANALYZE INSERT INTO orders (id) VALUES (1)", "failed"),
        ("-- only\nDELETE FROM orders", "failed"),
    ],
)
def test_which_texts_write(engine: Engine, statement: str, end: str):
    """What begins like a question may be none."""
    with Session(engine) as session:
        session.execute(text(statement))
        told = _record()
    assert told == [end]


def test_a_common_table_expression_reads(engine: Engine):
    """As SQLAlchemy writes one."""
    orders = select(Order.id).cte("found")
    with Session(engine) as session:
        session.execute(select(orders)).all()
        told = _record()
    assert told == ["happened"]


def test_autocommit(engine: Engine):
    """Every statement stands at once: a plain connection has nothing to wait for, no rollback undoes a session's."""
    at_once = engine.execution_options(isolation_level="AUTOCOMMIT")
    with at_once.connect() as connection:
        connection.execute(insert(Order).values(id=1))
        plain = _record()
    with Session(at_once) as session:
        session.add(Order(id=2))
        session.flush()
        written = _record()
        session.rollback()
        session.begin()
        empty = _record()
        session.rollback()
    assert (plain, written, empty) == (["outside"], ["happened"], ["failed"])


def test_closing_a_session_that_only_read(engine: Engine):
    """Nothing is undone: what was recorded meanwhile stands."""
    with Session(engine) as session:
        session.scalars(select(Order)).all()
        session.execute(text("-- which one\n select 1"))
        told = _record()
    assert told == ["happened"]


@pytest.mark.parametrize("way", ["flushed", "unflushed", "bulk", "core", "text", "connection", "after"])
def test_closing_a_session_that_wrote(way: str, engine: Engine):
    """Without a commit the database rolls back: it did not happen."""
    with Session(engine) as session:
        match way:
            case "flushed":
                session.add(Order(id=1))
                session.flush()
            case "unflushed":
                session.add(Order(id=1))
            case "bulk":
                session.execute(insert(Order), [{"id": 1}, {"id": 2}])
            case "core":
                session.execute(insert(Order.__table__).values(id=1))
            case "text":
                session.execute(text("INSERT INTO orders (id) VALUES (1)"))
            case "connection":
                session.connection().exec_driver_sql("INSERT INTO orders (id) VALUES (1)")
            case "after":
                session.begin()
        told = _record()
        if way == "after":
            session.add(Order(id=1))
    assert told == ["failed"]


def test_a_session_that_is_thrown_away(engine: Engine):
    """As if it had been closed, at the latest when it is collected."""
    session = Session(engine)
    session.add(Order(id=1))
    session.flush()
    told = _record()
    del session
    gc.collect()
    assert told == ["failed"]


def test_begun_in_one_context_used_in_another(engine: Engine):
    """A framework's dependency begins the session in one thread; the handler that uses it records in another."""
    session = Session(engine)
    contextvars.copy_context().run(session.execute, select(Order))
    told: list[list[str]] = []

    def handle() -> None:
        session.add(Order(id=1))
        told.append(_record())

    thread = threading.Thread(target=handle)
    thread.start()
    thread.join()
    session.rollback()
    assert told == [["failed"]]


def test_threads_never_mix(engine: Engine):
    """Each has the end of its own session."""
    told: dict[int, list[str]] = {}
    barrier = threading.Barrier(2)

    def work(number: int) -> None:
        with Session(engine) as session:
            session.add(Order(id=number))
            barrier.wait(10)
            told[number] = _record()
            barrier.wait(10)
            session.commit() if number == 1 else session.rollback()

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert told == {1: ["happened"], 2: ["failed"]}


def test_of_two_sessions_the_one_used_last(engine: Engine):
    """When that one has ended, the other is current again."""
    with Session(engine) as first, Session(engine) as second:
        first.add(Order(id=1))
        second.add(Order(id=2))
        inner = _record()
        second.commit()
        outer = _record()
        first.rollback()
    assert (inner, outer) == (["happened"], ["failed"])


def test_two_phases(engine: Engine):
    """Prepared and committed, or prepared and rolled back."""
    for committed in (True, False):
        with Session(engine, twophase=True) as session:
            session.add(Order(id=int(committed)))
            told = _record()
            session.prepare()
            assert told == []
            session.commit() if committed else session.rollback()
        assert told == (["happened"] if committed else ["failed"])


def test_plain_connections(engine: Engine):
    """Blocks, explicit transactions, and those that begin by themselves."""
    with engine.begin() as connection:
        connection.execute(insert(Order).values(id=1))
        block = _record()
        assert block == []
    with engine.connect() as connection:
        transaction = connection.begin()
        explicit = _record()
        transaction.rollback()
        connection.execute(insert(Order).values(id=2))
        by_itself = _record()
        assert by_itself == []
        connection.commit()
        connection.execute(insert(Order).values(id=3))
        closed = _record()
    with engine.connect() as connection:
        connection.execute(select(Order))
        read = _record()
    assert [block, explicit, by_itself, closed, read] == [
        ["happened"],
        ["failed"],
        ["happened"],
        ["failed"],
        ["happened"],
    ]


def test_plain_savepoints(engine: Engine):
    """As a session's."""
    with engine.begin() as connection:
        savepoint = connection.begin_nested()
        undone = _record()
        savepoint.rollback()
        with connection.begin_nested():
            released = _record()
        assert (undone, released) == (["failed"], [])
    assert released == ["happened"]


def test_a_plain_savepoint_around_an_open_one(engine: Engine):
    """It is undone with all that is in it, and nothing else is."""
    with engine.begin() as connection:
        outer = _record()
        savepoint = connection.begin_nested()
        middle = _record()
        connection.begin_nested()
        inner = _record()
        with pytest.warns(SAWarning, match="deassociated"):
            savepoint.rollback()
        assert (outer, middle, inner) == ([], ["failed"], ["failed"])
    assert outer == ["happened"]


class _Cancelled(BaseException):
    pass


def test_a_commit_that_is_cancelled(engine: Engine):
    """Nobody heard the database's answer; that is no success, of a session or of a plain connection."""

    def cancelled(connection: object) -> None:
        raise _Cancelled

    own = create_engine(engine.url)
    own.dialect.do_commit = cancelled  # type: ignore[method-assign]
    with Session(own) as session:
        session.add(Order(id=1))
        of_session = _record()
        with pytest.raises(_Cancelled):
            session.commit()
    with own.connect() as connection:
        connection.execute(insert(Order).values(id=2))
        plain = _record()
        with pytest.raises(_Cancelled):
            connection.commit()
        assert plain == ["failed"]
    own.dispose()
    assert of_session == ["failed"]


def test_a_second_phase_that_fails(engine: Engine):
    """What was prepared is gone: no success is told, and nothing waits for ever."""
    with engine.connect() as connection, engine.connect() as other:
        connection.detach()  # psycopg leaves it in two phases
        transaction = connection.begin_twophase("ours")
        connection.execute(insert(Order).values(id=1))
        told = _record()
        transaction.prepare()
        other.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ROLLBACK PREPARED 'ours'")
        with pytest.raises(DBAPIError):
            transaction.commit()
        assert told == ["failed"]


def test_a_plain_commit_that_fails(engine: Engine):
    """The event comes before the COMMIT: it must not be taken for its success."""
    told: list[list[str]] = []

    def commit() -> None:
        with engine.begin() as connection:
            connection.execute(insert(Order).values(id=1, after=99))
            told.append(_record())

    with pytest.raises(IntegrityError):
        commit()
    assert told == [["failed"]]


def test_plain_two_phases(engine: Engine):
    """Committed when the second has returned."""
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute(insert(Order).values(id=1))
        told = _record()
        transaction.prepare()
        assert told == []
        transaction.commit()
        assert told == ["happened"]


def test_async_sessions(postgres_url: str):
    """They work through the same sessions, in the same context."""

    async def work() -> list[list[str]]:
        engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
        told = []
        async with AsyncSession(engine) as session:
            for number, committed in ((1, True), (2, False)):
                session.add(Order(id=number))
                await session.flush()
                told.append(_record())
                await (session.commit() if committed else session.rollback())
        async with engine.begin() as connection:
            await connection.execute(insert(Order).values(id=3))
            told.append(_record())
        await engine.dispose()
        return told

    assert asyncio.run(work()) == [["happened"], ["failed"], ["happened"]]


def test_async_commits_that_the_database_answers_with_a_rollback(postgres_url: str):
    """As of a session that is not; and what was not flushed at the close is missed there too."""

    async def work() -> list[list[str]]:
        engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
        async with AsyncSession(engine) as session:
            session.add(Order(id=1))
            await session.flush()
            aborted = _record()
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT 1/0"))
            await session.commit()
        async with AsyncSession(engine) as session:
            session.add(Order(id=1))
            await session.commit()
            order = await session.get_one(Order, 1)
            closed = _record()
            await session.delete(order)
        await engine.dispose()
        return [aborted, closed]

    assert asyncio.run(work()) == [["failed"], ["failed"]]


class _Unstored:
    def release(self) -> Awaited | None:
        return self

    def fail(self, reason: str) -> None: ...

    def wait(self) -> str:
        raise AuditNotStored("no receipt", "id")


def _add(pending: Pending) -> None:
    transaction = _transaction.current()
    assert transaction is not None
    transaction.add(pending)


def test_what_is_not_stored_comes_out_of_the_commit(session: Session):
    """The transaction stands, and the session goes on."""
    session.add(Order(id=1))
    _add(_Unstored())
    with pytest.raises(AuditNotStored):
        session.commit()
    assert [order.id for order in session.scalars(select(Order))] == [1]
    session.add(Order(id=2))
    told = _record()
    session.commit()
    assert told == ["happened"]


def test_what_is_not_stored_comes_out_of_a_block(engine: Engine):
    """The session's own block raises it; what it wrote stands, and what else was recorded is told."""
    told: list[list[str]] = []

    def commit() -> None:
        with sessionmaker(engine).begin() as session:
            session.add(Order(id=1))
            _add(_Unstored())
            told.append(_record())

    with pytest.raises(AuditNotStored):
        commit()
    with engine.connect() as connection:
        assert connection.scalars(select(Order.id)).all() == [1]
    assert told == [["happened"]]


def test_what_is_not_stored_when_nobody_listens(engine: Engine, caplog: pytest.LogCaptureFixture):
    """A session that only read and is thrown away has no caller to raise to: it is logged."""
    session = Session(engine)
    session.scalars(select(Order)).all()
    _add(_Unstored())
    del session
    gc.collect()
    assert "events of a transaction thrown away could not be told" in caplog.messages


def test_what_is_not_stored_comes_out_of_a_plain_commit(engine: Engine):
    """The block raises; what it wrote stands."""

    def commit() -> None:
        with engine.begin() as connection:
            connection.execute(insert(Order).values(id=1))
            _add(_Unstored())

    with pytest.raises(AuditNotStored):
        commit()
    with engine.connect() as connection:
        assert connection.scalars(select(Order.id)).all() == [1]


def test_the_whole_way(session: Session):
    """From record() to the entry."""
    with capture() as entries:
        session.add(Order(id=1))
        otel_audit.record("order.create.success", ("order", 1))
        session.rollback()
        session.add(Order(id=2))
        otel_audit.record("order.create.success", ("order", 2))
        assert len(entries) == 1
        session.commit()
    assert [(entry.action, entry.resource_id) for entry in entries] == [
        ("order.create.failed", "1"),
        ("order.create.success", "2"),
    ]


def test_installing_twice_is_once(engine: Engine):
    """An end is told once."""
    sqlalchemy.install()
    assert event.contains(Session, "after_commit", transactions._after_commit)
    with engine.begin() as connection:
        connection.execute(insert(Order).values(id=1))
        told = _record()
    assert told == ["happened"]
