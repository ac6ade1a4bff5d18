"""What free text finds an entry by."""

from otel_audit.entry import Entry
from receiver.index.query import words_of
from receiver.sentence import sentence


def searched_words(entry: Entry, message: str | None = None) -> tuple[str, ...]:
    """The folded words of *entry*'s message (*message* where it is at hand), reason, error message and resource id."""
    return words_of((message or sentence(entry), entry.reason, entry.error_message, entry.resource_id))
