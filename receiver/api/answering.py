"""What every route needs: where questions are answered, who may ask, and who is told of it."""

from collections.abc import Collection
from dataclasses import dataclass

from receiver.correlate.desk import Desk
from receiver.correlate.reads import Reads
from receiver.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Answering:
    """Handed to each noun's ``routes``; *numeric* are the metadata keys that are searched as numbers."""

    desk: Desk
    tokens: Tokens
    reads: Reads
    numeric: Collection[str]
