"""The journal as the one process that writes it sees it."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from receiver import config
from receiver.errors import Busy, Damaged, ReceiverError, Unavailable
from receiver.journal import table
from receiver.journal.checkpointer import Checkpointer
from receiver.journal.damage import damaged
from receiver.journal.examine import Known, examine_content, examine_files
from receiver.journal.lock import DirectoryLock
from receiver.journal.mark import Mark, MarkWriter
from receiver.journal.table import FILE, MIGRATIONS, Appended, Place
from receiver.row import Draft
from receiver.sqlite import open_writer


class _Waiting(NamedTuple):
    drafts: Sequence[Draft]
    answer: "Future[Appended]"


class Journal:
    """Appends from any thread; one thread of its own commits them in groups, one fsync a group.

    Opening it is the recovery: what a crash left of an unfinished commit is gone, what was answered is there.
    """

    def __init__(
        self, data_dir: Path, connection: sqlite3.Connection, settings: config.Journal, lock: DirectoryLock
    ) -> None:
        self._data_dir = data_dir
        self._connection = connection
        self._settings = settings
        self._lock = lock
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = 0
        self._arrived = threading.Condition()
        self._closing = False
        self._shared = False
        self.log: str = connection.execute("SELECT value FROM meta WHERE name = 'log'").fetchone()[0]
        self._mark = MarkWriter(data_dir)
        self._tell(table.last(connection))
        self._thread = threading.Thread(target=self._run, name="journal-commit", daemon=True)
        self._checkpointer: Checkpointer | None = None

    @classmethod
    def open(cls, data_dir: Path, settings: config.Journal, known: Sequence[Known] = ()) -> "Journal":
        """The journal of *data_dir*, made if it was never there.

        WrongSettings when another process writes it, Damaged when it is less than *known* says (the followers'
        places), or than its own mark.
        """
        lock = DirectoryLock.take(data_dir)
        try:
            connection = _opened(data_dir, known)
        except BaseException:
            lock.release()
            raise
        journal = cls(data_dir, connection, settings, lock)
        journal._checkpointer = Checkpointer(data_dir / FILE, settings.checkpoint_every_s)
        journal._thread.start()
        return journal

    @property
    def waiting(self) -> int:
        """How many rows wait for their commit."""
        return self._waiting_rows

    def append(self, drafts: Sequence[Draft]) -> "Future[Appended]":
        """Store one request's *drafts*, all or none; the future is done when they would survive a power cut.

        Raises Busy when too much waits already. The future fails with Unavailable or Damaged when the commit
        did not happen for certain; appending the same again is then right, and stores nothing twice.
        """
        waiting = _Waiting(drafts, Future())
        with self._arrived:
            if self._closing:
                raise Busy("the receiver is stopping")
            if self._waiting and self._waiting_rows + len(drafts) > self._settings.waiting_max_entries:
                raise Busy("too many audit events wait for the disk")
            self._waiting.append(waiting)
            self._waiting_rows += len(drafts)
            self._arrived.notify()
        return waiting.answer

    def close(self) -> None:
        """Commit what waits, then let go of the file."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        self._thread.join()
        if self._checkpointer is not None:
            self._checkpointer.close()
        self._mark.close()
        self._connection.close()
        self._lock.release()

    # -- the committing thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while group := self._next_group():
            # From here on a sender that goes away changes nothing; one that went before is left out.
            self._answer([waiting for waiting in group if waiting.answer.set_running_or_notify_cancel()])

    def _answer(self, group: Sequence[_Waiting]) -> None:
        try:
            appended = self._commit([waiting.drafts for waiting in group])
        except Exception as error:  # whatever it was, the senders hear of it, and the next group gets its turn
            for waiting in group:
                waiting.answer.set_exception(error)
        else:
            for waiting, each in zip(group, appended, strict=True):
                waiting.answer.set_result(each)

    def _next_group(self) -> list[_Waiting]:
        """The requests of the next commit; empty once closing and nothing waits."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._waiting or self._closing)
            if self._shared:
                self._wait_for_more()
            group: list[_Waiting] = []
            rows = 0
            while self._waiting and (not group or rows + len(self._waiting[0].drafts) <= self._most):
                group.append(self._waiting.popleft())
                rows += len(group[-1].drafts)
            self._waiting_rows -= rows
        # A lone sender is not made to wait for company: only when the last commit had some.
        self._shared = len(group) > 1
        return group

    def _wait_for_more(self) -> None:
        deadline = time.monotonic() + self._settings.commit_wait_max_ms / 1000
        while not self._closing and self._waiting_rows < self._most:
            if not self._arrived.wait(deadline - time.monotonic()):
                return

    @property
    def _most(self) -> int:
        return self._settings.batch_max_entries

    def _commit(self, requests: Sequence[Sequence[Draft]]) -> list[Appended]:
        """One transaction, one fsync.

        A crash before COMMIT returns leaves either nothing or everything behind, and no sender was answered:
        each sends again and finds its entries stored once.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            appended, last = table.write(self._connection, requests)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise self._named(error) from error
        self._tell(last)
        return appended

    def _tell(self, last: Place) -> None:
        """A crash before this line leaves an older mark behind, and the next start a new one."""
        self._mark.write(Mark(self.log, last.seq, last.number))

    def _undo(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:  # the next BEGIN says so
            return

    def _named(self, error: sqlite3.Error) -> ReceiverError:
        """The disk may recover by itself (full, slow, locked); a file that is not a journal any more does not."""
        if isinstance(error, sqlite3.OperationalError):
            return Unavailable(f"the journal cannot be written: {error}")
        return damaged(self._data_dir, f"it cannot be written: {error}")


def _opened(data_dir: Path, known: Sequence[Known]) -> sqlite3.Connection:
    examine_files(data_dir, known)
    try:
        connection = open_writer(data_dir / FILE, MIGRATIONS, "FULL")
    except Damaged as error:
        raise damaged(data_dir, str(error.__cause__)) from error
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        examine_content(data_dir, connection, known)
    except BaseException:
        connection.close()
        raise
    return connection
