"""One accepting process a data directory."""

import fcntl
import os
from pathlib import Path

from receiver.errors import Unavailable, WrongSettings
from receiver.sqlite import private_directory

FILE = "accept.lock"


class DirectoryLock:
    """Held from opening to closing; the system lets go of it when the process dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, data_dir: Path) -> "DirectoryLock":
        """The lock on *data_dir*; WrongSettings, naming the holder, when another process has it."""
        try:
            descriptor = os.open(private_directory(data_dir) / FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(f"{data_dir} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode() or "unknown"
            os.close(descriptor)
            message = f"data_dir: {data_dir} is already written by another accept process (pid {holder})"
            raise WrongSettings([message]) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let another process write here."""
        os.close(self._descriptor)
