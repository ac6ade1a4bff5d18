"""What every route needs: where questions are answered, who may ask, and who is told of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from otel_audit.redact import Redactor
from receiver.correlate.desk import Desk
from receiver.correlate.reads import Reads
from receiver.row import Draft
from receiver.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Answering:
    """Handed to each noun's ``routes``; *numeric* are the metadata keys that are searched as numbers, *redactor*
    has the rules that entries were redacted by.

    *tell* returns when what an administrator asks is on disk, to be journalled, and raises when it is not.
    """

    desk: Desk
    tokens: Tokens
    reads: Reads
    numeric: Collection[str]
    tell: Callable[[Sequence[Draft]], None]
    redactor: Redactor
