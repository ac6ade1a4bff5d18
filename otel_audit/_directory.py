"""The directory of spill files: only ours to write, never followed through links.

Each file is held under ``flock`` by the process that writes it. A file whose lock is free was left behind by a
process that is no more, and whoever takes the lock sends what it holds.
"""

import errno
import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_log = logging.getLogger("otel_audit")

_SUFFIX = ".spill"
#: What a file is called that cannot be read, or that somebody else may have written; a person looks at it.
_ASIDE = ".set-aside"


class Unsafe(OSError):
    """Somebody else could write here; the message says who or how."""


class Left(NamedTuple):
    """A file left behind, locked by us: *fd* is to be closed by whoever took it."""

    name: str
    fd: int


class SpillDirectory:
    """An open directory; everything in it is reached through it, so that it cannot be swapped under us."""

    def __init__(self, path: Path) -> None:
        """Makes it where it is missing; raises Unsafe when others can write to it, OSError when it cannot be had."""
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if path.is_symlink():
                raise Unsafe(f"{path} is a link") from error
            raise
        try:
            self._guard()
        except OSError:
            self.close()
            raise
        self._refused: set[str] = set()

    def _guard(self) -> None:
        found = os.fstat(self._fd)
        if problem := _writable_by_others(found):
            raise Unsafe(f"{self.path} {problem}")
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(self._fd, 0o700)  # what waits here is nobody else's to read

    def create(self, name: str) -> int:
        """A new file, locked; its descriptor."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name + _SUFFIX, flags, 0o600, dir_fd=self._fd)
        try:
            # Between the two calls another process may have taken it for a file left behind, and deleted it.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink == 0:
                raise OSError(errno.ENOENT, "taken by another process at its birth", name)
        except OSError:
            os.close(fd)
            raise
        return fd

    def delete(self, name: str) -> None:
        """Delete a file of ours or one left behind that we hold; being gone already is no error."""
        try:
            os.unlink(name + _SUFFIX, dir_fd=self._fd)
        except FileNotFoundError:
            return

    def left(self) -> Iterator[Left]:
        """Every file that no living process holds, locked for us as it is given out."""
        for name in sorted(os.listdir(self._fd)):  # noqa: PTH208 - by descriptor
            if name.endswith(_SUFFIX) and name not in self._refused:
                fd = self._take(name)
                if fd is not None:
                    yield Left(name.removesuffix(_SUFFIX), fd)

    def set_aside(self, name: str, reason: str) -> None:
        """Put a file away under another name, and say so."""
        self._put_away(name + _SUFFIX, reason)

    def size(self) -> int:
        """The bytes of all files in it, whoever wrote them."""
        total = 0
        with os.scandir(self._fd) as files:
            for file in files:
                try:
                    total += file.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
        return total

    @property
    def vanished(self) -> bool:
        """Whether the path no longer leads here."""
        try:
            there, here = self.path.lstat(), os.fstat(self._fd)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def close(self) -> None:
        """Let go of the directory; descriptors given out stay open. What comes too late finds no directory."""
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _take(self, name: str) -> int | None:
        """The locked descriptor of a file left behind; None when a process lives that holds it, or it is refused."""
        try:
            fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._put_away(name, f"cannot be opened: {error.strerror}")
            return None
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or (problem := _writable_by_others(found)):
                self._put_away(name, problem if stat.S_ISREG(found.st_mode) else "is no regular file")
                os.close(fd)
                return None
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:
                return fd
        except BlockingIOError:  # its process lives
            pass
        os.close(fd)
        return None

    def _put_away(self, name: str, reason: str) -> None:
        self._refused.add(name)
        aside = f"{name}{_ASIDE}"
        try:
            os.rename(name, aside, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except OSError as error:
            reason = f"{reason} (and cannot be renamed: {error.strerror})"
        _log.error("audit spill file set aside", extra={"file": str(self.path / name), "now": aside, "reason": reason})


def _writable_by_others(found: os.stat_result) -> str:
    """How somebody else could have written it; empty when nobody could."""
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}"
    if stat.S_IMODE(found.st_mode) & 0o022:
        return f"can be written by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""
