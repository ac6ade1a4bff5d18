"""Moves what is committed from the write-ahead log into the journal's file, off the committing thread."""

import sqlite3
import threading
from pathlib import Path

from receiver.journal.table import MIGRATIONS
from receiver.sqlite import open_writer

#: From so many pages on the log is begun anew, though that holds up commits for a moment: 64 MiB.
RESTART_AFTER_PAGES = 16_384
#: Longest it waits for readers meanwhile, and commits with it.
WAIT_MAX_MS = 50


class Checkpointer:
    """Checkpoints every *every_s* seconds on a thread and a connection of its own.

    A crash at any point leaves a log that SQLite replays when the file is next opened.
    """

    def __init__(self, path: Path, every_s: float) -> None:
        self._connection = open_writer(path, MIGRATIONS, "FULL")
        self._connection.execute(f"PRAGMA busy_timeout={WAIT_MAX_MS}")
        self._every_s = every_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after a last checkpoint."""
        self._closing.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while not self._closing.wait(self._every_s):
            self._checkpoint()
        self._checkpoint()

    def _checkpoint(self) -> None:
        try:
            _, pages, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > RESTART_AFTER_PAGES:
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except sqlite3.OperationalError:  # a full or slow disk: the log keeps growing, and the next turn tries again
            return
