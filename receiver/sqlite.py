"""SQLite files as we open them: private to this user, in WAL mode, one writing process, any number of readers."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from receiver.errors import Damaged, Unavailable

BUSY_TIMEOUT_MS = 5000
#: What helps where a file that is broken is only made of the journal.
MADE_ANEW = "stop, move it away, start: it is made anew"


def private_directory(path: Path) -> Path:
    """*path* as a directory of mode 0700, made if it is not there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o777 != 0o700:  # asked first: on a read-only disk it could not be set
        path.chmod(0o700)
    return path


def open_writer(
    path: Path, migrations: Sequence[str], synchronous: Literal["FULL", "NORMAL"] = "NORMAL"
) -> sqlite3.Connection:
    """Open *path* for the one process that writes it, after bringing its tables up to the last of *migrations*.

    Transactions are explicit (``isolation_level=None``): begin and commit them yourself. With ``FULL`` a commit
    returns after its fsync. The connection may be handed from thread to thread, never used by two at once.
    Unavailable when the disk does not let it be opened, Damaged when it is no such file.
    """
    try:
        connection = _connect(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise Unavailable(f"{path.name} cannot be opened: {error}") from error
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        _migrate(connection, path, migrations)
    except sqlite3.OperationalError as error:  # a full, slow or read-only disk
        connection.close()
        raise Unavailable(f"{path.name} cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Damaged(f"{path} cannot be read: {error}", "restore the file, or move it away to start anew") from error
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    private_directory(path.parent)
    with suppress(FileExistsError):
        # Only a file that is not there is opened by ourselves: closing one would drop this process's POSIX locks
        # on it, and another program that opens and closes it would then take the write-ahead log away.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


@contextmanager
def writing(connection: sqlite3.Connection, name: str, hint: str) -> Iterator[sqlite3.Connection]:
    """One transaction on the file *name*: all of the block, or nothing of it.

    Unavailable when the disk is full or the file locked: the same again may work. Damaged, with *hint*, when it is
    broken.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise Unavailable(f"{name} cannot be written: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(f"{name} cannot be written: {error}", hint) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def open_reader(path: Path) -> sqlite3.Connection:
    """Open *path* for reading only. Unavailable while its writer has not made it yet."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise Unavailable(f"{path.name} cannot be opened: {error}") from error
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            raise sqlite3.OperationalError("its tables are not made yet")
    except sqlite3.OperationalError as error:
        connection.close()
        raise Unavailable(f"{path.name} cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Damaged(f"{path} cannot be read: {error}", "restore the file, or move it away to start anew") from error
    connection.isolation_level = None
    return connection


class Readers:
    """Read-only connections to one file, as many as threads read at the same time; opened when first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for this block alone, in a transaction: all its statements see the same moment.

        Unavailable while the file is not made yet or does not answer, Damaged when it is broken.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = open_reader(self._path)
        try:
            connection.execute("BEGIN")
            yield connection
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{self._path.name} does not answer: {error}") from error
        except sqlite3.DatabaseError as error:
            raise Damaged(
                f"{self._path} cannot be read: {error}", "restore the file, or move it away to start anew"
            ) from error
        finally:
            if connection.in_transaction:
                connection.rollback()
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Each migration is a transaction of its own with its number: a crash between two leaves a whole one behind."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise Damaged(f"{path} was written by a newer version", "run that version")
    for number, script in enumerate(migrations[version:], start=version + 1):
        connection.executescript(f"BEGIN; {script}; PRAGMA user_version={number}; COMMIT;")
