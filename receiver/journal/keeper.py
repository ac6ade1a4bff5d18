"""The journal as accept holds it: open, or the reason why it is not."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from receiver import config
from receiver.errors import Damaged, ReceiverError, Unavailable
from receiver.journal.damage import error_of, noted
from receiver.journal.examine import Known
from receiver.journal.lock import DirectoryLock
from receiver.journal.table import Appended
from receiver.journal.writer import Journal
from receiver.row import Draft


class Keeper:
    """Takes drafts while the journal is sound, and says why not while it is not: senders are told to come again.

    A disk that takes nothing is tried again at every :meth:`look`. A damaged journal stays closed until it is
    repaired and the process starts again; the directory's lock is held all the while.
    """

    def __init__(self, data_dir: Path, settings: config.Journal, known: Callable[[], Sequence[Known]]) -> None:
        """*known* tells the followers' places. WrongSettings when another process writes this journal."""
        self._data_dir = data_dir
        self._settings = settings
        self._known = known
        self._journal: Journal | None = None
        self._lock: DirectoryLock | None = None
        self.problem: ReceiverError | None = None
        self.look()

    @property
    def log(self) -> str:
        """The log's name; empty while the journal could not be opened."""
        return "" if self._journal is None else self._journal.log

    @property
    def waiting(self) -> int:
        """How many rows wait for their commit."""
        return 0 if self._journal is None else self._journal.waiting

    def look(self) -> None:
        """Open the journal if it is not; stop taking more when somebody found it damaged."""
        if self._journal is None and not isinstance(self.problem, Damaged):
            self._open()
        note = noted(self._data_dir)
        if note is not None:
            self.problem = error_of(note.what)

    def append(self, drafts: Sequence[Draft]) -> "Future[Appended]":
        """See :meth:`Journal.append`; raises :attr:`problem` while there is one."""
        if self._journal is None or self.problem is not None:
            raise (self.problem or Unavailable("the journal is not open yet")).with_traceback(None)
        return self._journal.append(drafts)

    def close(self) -> None:
        """Commit what waits, then let go of the directory."""
        if self._journal is not None:
            self._journal.close()
        if self._lock is not None:
            self._lock.release()

    def _open(self) -> None:
        try:
            self._journal = Journal.open(self._data_dir, self._settings, self._known())
        except Unavailable as error:
            self.problem = error
        except Damaged as error:
            self.problem = error
            self._lock = DirectoryLock.take(self._data_dir)
        else:
            self.problem = None
