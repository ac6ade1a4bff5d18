"""Rows as they were and as they are, told one by one."""

from collections.abc import Mapping

from otel_audit.integrations.audited import Verb
from otel_audit.integrations.sqlalchemy.models import Row, Rows
from otel_audit.integrations.sqlalchemy.reading import Key


def tell(rows: Rows, verb: Verb, before: Mapping[Key, Row], after: Mapping[Key, Row]) -> None:
    """One entry for each row that a statement to *verb* rows has changed; what it left as it was is none."""
    for key in dict.fromkeys((*before, *after)):
        if key in after or verb != "update":  # an update takes no row away: that one has another key now
            _tell_row(rows, before.get(key), after.get(key))


def _tell_row(rows: Rows, old: Row | None, new: Row | None) -> None:
    row = old if new is None else new
    model = None if row is None else rows.model_of(row)
    if row is None or model is None:
        return
    before, after = (None if each is None else model.state(each) for each in (old, new))
    if before != after:
        verb: Verb = "create" if old is None else "delete" if new is None else "update"
        model.audited.tell("update" if rows.is_part(model) else verb, rows.identity(row), before, after)
