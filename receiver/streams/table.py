"""The tables of ``streams.db``."""

FILE = "streams.db"

#: ``holes`` says whether any number up to the highest known is unseen, so that streams in order are passed over.
MIGRATIONS = (
    """
    CREATE TABLE cursor (log TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE streams (
        tenant TEXT, source_id TEXT, service TEXT, last_seen_ns INTEGER NOT NULL,
        reported INTEGER NOT NULL DEFAULT 0, reported_ns INTEGER NOT NULL DEFAULT 0,
        lost TEXT NOT NULL DEFAULT '{}', abandoned TEXT NOT NULL DEFAULT '[]', holes INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, source_id)
    ) WITHOUT ROWID;
    CREATE INDEX with_holes ON streams (tenant, source_id) WHERE holes;
    CREATE INDEX with_losses ON streams (lost) WHERE lost <> '{}';
    CREATE TABLE runs (
        tenant TEXT, source_id TEXT, first INTEGER, last INTEGER NOT NULL, since_ns INTEGER NOT NULL,
        PRIMARY KEY (tenant, source_id, first)
    ) WITHOUT ROWID;
    """,
)

RUNS = "SELECT first, last, since_ns FROM runs WHERE tenant = ? AND source_id = ? ORDER BY first"
WITH_HOLES = "SELECT tenant, source_id, reported, reported_ns FROM streams WHERE holes"
