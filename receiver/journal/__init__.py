"""The append-only truth on disk: everything received, numbered, each event once."""

from receiver.journal.examine import Known
from receiver.journal.inspect import inspect
from receiver.journal.keeper import Keeper
from receiver.journal.reader import JournalReader
from receiver.journal.repair import Repaired, repair
from receiver.journal.table import FILE, Appended
from receiver.journal.writer import Journal
from receiver.row import Draft, Kind, Row, entry_of

__all__ = [
    "FILE",
    "Appended",
    "Draft",
    "Journal",
    "JournalReader",
    "Keeper",
    "Kind",
    "Known",
    "Repaired",
    "Row",
    "entry_of",
    "inspect",
    "repair",
]
