"""Drafts as the journal takes them."""

import orjson

from receiver.journal import Draft, Kind


def draft(name: str, digest: bytes | None = None, kind: Kind = "entry", tenant: str = "default") -> Draft:
    """A draft whose event id is *name*; equal names are the same event unless *digest* says otherwise."""
    said = {
        "event_id": name,
        "timestamp": "2026-11-23T10:00:00.000000000Z",
        "action": "user.login.success",
        "outcome": "success",
        "severity": "info",
        "tenant": tenant,
    }
    event_id = None if kind == "quarantined" else name
    return Draft(kind, tenant, event_id, digest or name.encode(), orjson.dumps(said), b"{}", False, 1)
