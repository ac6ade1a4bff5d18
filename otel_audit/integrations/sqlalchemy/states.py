"""Switching on the audit of models."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapper

from otel_audit.integrations.audited import Audited, Unseen, read_bulk, read_models
from otel_audit.integrations.sqlalchemy import bulk, cascade, instances, text
from otel_audit.integrations.sqlalchemy.models import choose, forget_derived
from otel_audit.integrations.sqlalchemy.transactions import install


def audit_models(
    models: Mapping[Any, str | Audited] | Iterable[Any], *, bulk_max_rows: int = 1000, unseen: Unseen = "refuse"
) -> None:
    """Tell every change of a row of *models*, mapped classes or Tables, with its previous and new state.

        audit_models({Product: "product", Stock: Audited("inventory", leave_out=("counted_at",))})

    The subclasses of a class are audited with it. Each change is an event of its own in the transaction it is made in:
    after a rollback it stands as ``….failed``. A statement that changes many rows is told row by row, up to
    *bulk_max_rows* of them; one that changes more, or rows that cannot be found, raises UnseenChange, or with
    ``unseen="record"`` is told by one entry that says how many. Called again, it adds to what is audited.

    Raises NotConfigured for what is no model, a column that is none, or a setting out of range.
    """
    choose(read_models(models), read_bulk(bulk_max_rows, unseen))
    install()
    for target, name, listener in (
        *instances.LISTENERS,
        *cascade.LISTENERS,
        *text.LISTENERS,
        (Mapper, "after_configured", forget_derived),
    ):
        if not event.contains(target, name, listener):
            event.listen(target, name, listener)
    for target, name, listener, gives_back in bulk.LISTENERS:
        if not event.contains(target, name, listener):
            event.listen(target, name, listener, retval=gives_back)
