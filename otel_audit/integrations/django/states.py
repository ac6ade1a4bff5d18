"""Switching on the audit of models."""

from collections.abc import Iterable, Mapping
from typing import Any

from otel_audit.integrations.audited import Audited, Unseen, read_bulk, read_models
from otel_audit.integrations.django.transactions import install


def audit_models(
    models: Mapping[Any, str | Audited] | Iterable[Any], *, bulk_max_rows: int = 1000, unseen: Unseen = "refuse"
) -> None:
    """Tell every change of a row of *models* with its previous and new state; best called in ``AppConfig.ready()``.

        audit_models({Product: "product", Stock: Audited("inventory", leave_out=("counted_at",))})

    Whatever the ORM writes is told row by row, many-to-many relations as updates of their model, up to *bulk_max_rows*
    rows a statement; one that changes more, or rows that cannot be found, and SQL text raise UnseenChange, or with
    ``unseen="record"`` are told by one entry that says how many. Each change is an event of its own in the transaction
    it is made in: after a rollback it stands as ``….failed``. Called again, it adds to what is audited.

    Raises NotConfigured for what is no model, a field that is none, or a setting out of range.
    """
    # Django's models can be imported once its settings are there, which install() does not need.
    from otel_audit.integrations.django import statements, text
    from otel_audit.integrations.django.models import choose

    choose(read_models(models), read_bulk(bulk_max_rows, unseen))
    install()
    statements.follow()
    text.follow()
