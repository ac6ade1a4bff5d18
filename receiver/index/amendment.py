"""What the trace showed after an entry was stored."""

from collections.abc import Mapping
from typing import Any

from otel_audit.entry import SEEN_FIELDS, Entry


def amended(entry: Entry, fields: Mapping[str, Any], span_id: str | None = None) -> Entry:
    """*entry* with those of *fields* it does not have yet, named in ``seen``; the same entry when it has them all.

    It is the same, too, when it is not of the span *span_id*. Raises ValueError for a field that no trace can show.
    """
    unknown = sorted(set(fields) - set(SEEN_FIELDS))
    if unknown:
        raise ValueError(f"a trace does not show {', '.join(unknown)}")
    missing = {field: value for field, value in fields.items() if value is not None and getattr(entry, field) is None}
    if not missing or span_id not in (None, entry.span_id):
        return entry
    return Entry.model_validate({**dict(entry), **missing, "seen": (*entry.seen, *missing)})


def restored(entry: Entry, standing: Entry | None) -> Entry:
    """*entry* made anew from the journal, with what traces showed of it since, as far as *standing* has it."""
    if standing is None:
        return entry
    seen = {field: getattr(standing, field) for field in standing.seen if field in SEEN_FIELDS}
    return amended(entry, seen, standing.span_id)


def is_of(log: str, entry: Entry) -> bool:
    """Whether *entry* was journalled in *log*; one that does not say is nobody else's."""
    return entry.integrity is None or entry.integrity.log == log
