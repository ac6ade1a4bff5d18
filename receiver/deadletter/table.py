"""The tables of ``deadletter.db``."""

from typing import Literal

FILE = "deadletter.db"

#: What became of what was set aside: nothing yet, an administrator hid it, it was read again and became an entry.
State = Literal["open", "dropped", "retried"]

MIGRATIONS = (
    """
    CREATE TABLE cursor (log TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE letters (seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'open');
    CREATE INDEX open_letters ON letters (tenant, seq) WHERE state = 'open'
    """,
)
