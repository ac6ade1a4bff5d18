"""What the receiver itself has to say: entries of the service ``otel-audit``, under ``audit.``."""

import os
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import orjson
import uuid_utils

from otel_audit import wire
from otel_audit.canonical import canonical, rfc3339
from receiver.config import OURSELVES
from receiver.row import Draft


def own_draft(
    action: str,
    attributes: Mapping[str, Any],
    now_ns: int,
    *,
    tenant: str = "default",
    trace_id: str | None = None,
    span_id: str | None = None,
) -> Draft:
    """An entry the receiver makes; *attributes* are those of the wire convention.

    *trace_id* and *span_id* (hex) are of the receiver's own trace of what it did, made up where it keeps none.
    """
    event_id = str(uuid_utils.uuid7())
    trace_id, span_id = trace_id or os.urandom(16).hex(), span_id or os.urandom(8).hex()
    said = {
        "event_id": event_id,
        "timestamp": rfc3339(now_ns),
        "received_at": rfc3339(now_ns),
        "tenant": tenant,
        "sender": {"id": OURSELVES, "peer": None},
        "trace_id": trace_id,
        "span_id": span_id,
        "service_name": OURSELVES,
        "service_version": version("otel-audit"),
        **wire.read_event(action, attributes),
    }
    return Draft(
        kind="entry",
        tenant=tenant,
        event_id=event_id,
        digest=sha256(canonical([action, str(now_ns), trace_id, span_id, dict(attributes)])).digest(),
        values=orjson.dumps(said),
        seen=b"{}",
        outlier=False,
        received_ns=now_ns,
    )


def is_own(said: Mapping[str, Any]) -> bool:
    """Whether the receiver said it: no credential can have its name, and without credentials a sender has none."""
    return bool((said.get("sender") or {}).get("id") == OURSELVES)
