"""A column's value as a state tells it: the same before and after the database has had it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, Numeric, String

from otel_audit.integrations.audited import moment


def told(value: Any, column: Column[Any]) -> Any:
    """*value* as the database gives it back, as far as its column's type says.

    An application may set ``5`` where the database answers ``Decimal("5.00")``; a history would see a change there.
    """
    kind = column.type
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(kind, Boolean) and value in (0, 1):
        return bool(value)
    if isinstance(kind, Numeric) and not isinstance(kind, Float):
        return _decimal(value, kind)
    if isinstance(kind, Integer | Float) and isinstance(value, int | float | Decimal):
        return float(value) if isinstance(kind, Float) else int(value)
    return str(value) if type(kind) is String and isinstance(value, str) else value


def _decimal(value: Any, kind: Numeric[Any]) -> Any:
    if not isinstance(value, int | float | Decimal):
        return value
    if not kind.asdecimal:
        return float(value)
    exact = Decimal(str(value))
    return exact if kind.scale is None or not exact.is_finite() else exact.quantize(Decimal(1).scaleb(-kind.scale))
