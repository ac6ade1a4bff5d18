"""The follower's step: what was set aside, and what was done about it."""

from collections.abc import Sequence
from pathlib import Path

from receiver.deadletter.acts import DROPPED, RETRIED, act_of
from receiver.deadletter.table import FILE, MIGRATIONS, State
from receiver.refused import RefusedStore
from receiver.row import Row
from receiver.sqlite import MADE_ANEW, open_writer, writing

_DONE: dict[str, State] = {DROPPED: "dropped", RETRIED: "retried"}


class DeadletterWriter:
    """Takes what was journalled into account; used by one thread. What is dropped leaves the *refused*, too."""

    def __init__(self, data_dir: Path, log: str, refused: RefusedStore) -> None:
        self._db = open_writer(data_dir / FILE, MIGRATIONS)
        self._log = log
        self._refused = refused

    def cursor(self) -> int:
        """The last row taken."""
        found = self._db.execute("SELECT seq FROM cursor WHERE log = ?", (self._log,)).fetchone()
        return int(found[0]) if found else 0

    def step(self, rows: Sequence[Row]) -> None:
        """Take *rows* and their place in one transaction; a crash in between leaves neither."""
        with writing(self._db, FILE, MADE_ANEW):
            for row in rows:
                self._take(row)
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (self._log, rows[-1].seq))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _take(self, row: Row) -> None:
        if row.kind == "quarantined":
            self._db.execute("INSERT OR IGNORE INTO letters (seq, tenant) VALUES (?, ?)", (row.seq, row.tenant))
        elif (act := act_of(row)) is not None and act.action in _DONE:
            state = _DONE[act.action]
            self._db.execute("UPDATE letters SET state = ? WHERE seq = ? AND tenant = ?", (state, act.seq, row.tenant))
            if act.action == DROPPED:
                self._refused.drop(act.seq, row.received_ns)
