"""The index the settings ask for."""

from receiver.config import Settings
from receiver.index.port import EntryIndex
from receiver.index.sqlite import SqliteIndex


def open_index(settings: Settings, *, write: bool) -> EntryIndex:
    """The index of ``index.url``; a reader's answers are Unavailable until its writer has made it."""
    return SqliteIndex.open(settings.data_dir, write=write)
