"""Events as the recorder hands them to delivery."""

from typing import Any

import uuid_utils

from otel_audit import wire
from otel_audit._event import Event, said_of


def event(name: str = "inventory.update.success", reason: str = "recount", **more: Any) -> Event:
    """An event outside any span."""
    said = {wire.RECORD_ID: str(uuid_utils.uuid7()), wire.SCHEMA: "1", wire.REASON: reason, **more}
    return Event(said_of(name, said), 1_767_225_600_000_000_000, 7, 0)
