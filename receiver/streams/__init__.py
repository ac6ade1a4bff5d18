"""What each sender's stream shows of itself: the numbers seen, those missing, and what it reported as lost.

A follower's output beside the others: rebuilt from the journal by deleting the file. Numbers are kept as runs, so a
stream without holes is one row, and a gap that a late event fills closes again.
"""

from receiver.streams.elsewhere import Elsewhere
from receiver.streams.numbers import MISSING_AFTER_NS
from receiver.streams.reader import STATES, Missing, State, Stream, StreamReader, Totals
from receiver.streams.table import FILE
from receiver.streams.writer import StreamWriter

__all__ = [
    "FILE",
    "MISSING_AFTER_NS",
    "STATES",
    "Elsewhere",
    "Missing",
    "State",
    "Stream",
    "StreamReader",
    "StreamWriter",
    "Totals",
]
