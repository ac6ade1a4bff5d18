"""Where the followers of this directory stand, as far as local files tell it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from receiver.errors import ReceiverError
from receiver.index import sqlite_tables as index
from receiver.journal.examine import Known
from receiver.sqlite import open_reader
from receiver.streams import table as streams

#: File ▶ who writes it, and its cursors in the journal. The span store's are places in the spool.
_CURSORS = {
    index.FILE: ("the index", "SELECT log, cursor FROM cursors"),
    streams.FILE: ("the streams", "SELECT log, seq FROM cursor"),
}


def known_cursors(data_dir: Path) -> list[Known]:
    """Every follower's durable place in the journal. One whose file does not answer knows nothing.

    Cursors in Elasticsearch are not asked for: accepting must not wait for it. Its follower compares them when it
    starts, and leaves a note that accept finds.
    """
    return [known for file in _CURSORS for known in _cursors(data_dir, file)]


def _cursors(data_dir: Path, file: str) -> Iterator[Known]:
    who, query = _CURSORS[file]
    if not (data_dir / file).exists():
        return
    with suppress(ReceiverError, sqlite3.DatabaseError), closing(open_reader(data_dir / file)) as connection:
        yield from (Known(who, log, seq) for log, seq in connection.execute(query))
