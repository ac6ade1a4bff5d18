"""Entries for tests, each plain but for what is said."""

from typing import Any

from otel_audit.canonical import rfc3339
from otel_audit.entry import Entry
from receiver.clock import SECOND_NS
from receiver.index.port import Filed

#: 2026-11-23, 12:00 UTC.
NOON_NS = 1_795_435_200 * SECOND_NS
PARTITION = "2026.11"


def entry(number: int = 0, **fields: Any) -> Entry:
    """The *number*-th entry: a second later than the one before, received a minute after it happened."""
    defaults: dict[str, Any] = {
        "event_id": event_id(number),
        "timestamp": rfc3339(NOON_NS + number * SECOND_NS),
        "received_at": rfc3339(NOON_NS + (number + 60) * SECOND_NS),
        "action": "inventory.update.success",
        "outcome": "success",
        "severity": "info",
    }
    return Entry(**defaults | fields)


def event_id(number: int) -> str:
    """A UUIDv7 that sorts by *number*."""
    return f"0199f000-0000-7000-8000-{number:012x}"


def filed(*entries: Entry) -> list[Filed]:
    """*entries*, all in one partition."""
    return [Filed(PARTITION, each) for each in entries]


NESTED: Any = "bottom"
for level in range(30):
    NESTED = {f"level {level}": NESTED}

#: Entries no index may change by a bit.
ODD: dict[str, dict[str, Any]] = {
    "nothing but what is needed": {"received_at": None},
    "everything": {
        "actor_type": "staff",
        "user_id": "u-1",
        "user_email": "ann@example.com",
        "user_roles": ("admin", "stock"),
        "session_id": "s-1",
        "ip_address": "203.0.113.9",
        "user_agent": "Mozilla/5.0",
        "resource_type": "product",
        "resource_id": "sku-7",
        "previous_state": {"stock": 50, "shelf": None},
        "new_state": {"stock": 35, "shelf": "A"},
        "reason": "counted by hand",
        "error_type": "none",
        "error_message": "no error at all",
        "parent_event_id": event_id(99),
        "related": ("product:sku-7", "order:1001"),
        "anomalies": ("late",),
        "request_id": "r-1",
        "http_method": "POST",
        "path": "/stock/sku-7",
        "status_code": 200,
        "duration_ms": 12.345678,
        "request_body": {"stock": 35, "note": ["a", {"b": 1}]},
        "response_body": ["ok", 1, None],
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "parent_span_id": "00f067aa0ba902b7",
        "span_name": "PUT /stock/{sku}",
        "span_kind": "server",
        "span_status": "ok",
        "service_name": "inventory",
        "service_version": "1.2.3",
        "service_instance_id": "inventory-1",
        "environment": "production",
        "metadata": {"amount": 12.5, "currency": "EUR"},
        "source": {"id": "stream-1", "sequence": 7},
        "sender": {"id": "shop", "peer": "10.0.0.7"},
        "integrity": {"log": "otel-audit/0123456789ab", "index": 4, "signature": {"value": "c2ln", "key_id": "k"}},
        "seen": ("duration_ms", "span_name", "span_kind", "span_status", "parent_span_id"),
    },
    "empty inner objects": {"source": {"id": "only"}, "sender": {}, "integrity": {"log": "l", "index": 0}},
    "nested states": {"previous_state": {"a": {"b": [{"c": 1}, [2, [3]]]}}, "new_state": {"a": {"b": []}}},
    "deep states": {"previous_state": NESTED, "new_state": [NESTED], "metadata": {"deep": NESTED}},
    "empty states": {"previous_state": {}, "new_state": {}, "request_body": [], "response_body": ""},
    "scalar states": {"previous_state": 50, "new_state": "thirty-five", "request_body": False, "response_body": 0.5},
    "a state that looks wrapped": {"previous_state": {"value": 50}, "new_state": {"value": {"value": 1}}},
    "floats": {"new_state": {"f": [0.1, 1e300, -0.0, 5e-324, 1e16, 2.0]}, "duration_ms": 0.1 + 0.2},
    "a duration no integer holds": {"duration_ms": 1e300},
    "a negative duration": {"duration_ms": -1.5},
    "large integers": {"new_state": {"n": [2**63, 2**64 - 1, -(2**63)]}, "metadata": {"n": 2**53 + 1}},
    "unicode": {"user_id": "Zoë 🛒", "new_state": {"naïve ключ": "中文\u2028\u0000"}, "reason": "İstanbul ﬁt"},
    "mixed lists": {"new_state": {"list": [1, "1", True, None, 1.5, {"x": []}, []]}, "metadata": {"m": [0, "", {}]}},
    "odd keys": {
        "metadata": {"a.b": 1, "a": {"b": 2}, "": 3, ".": 4, "..": 5, " ": 6, "a.": 7, ".b": 8, "\u0000": 9, "_": 10},
        "new_state": {"": {"": {"": 1}}, "x\u0000y": 1, "k" * 5000: 2, "$ref": 3},
    },
    "a long user agent": {"user_agent": "Mozilla " * 1250},
    "an address that is none": {"ip_address": "unknown, 10.0.0.1"},
    "an address in a zone": {"ip_address": "fe80::1%eth0"},
    "an IPv6 address": {"ip_address": "2001:DB8:0:0::1"},
    "a long text": {"reason": "why " * 20_000, "error_message": "x" * 70_000, "resource_id": "ü" * 40_000},
    "long values in a state": {"new_state": {"text": "ü" * 40_000, "list": ["y" * 40_000]}, "path": "/" + "p" * 40_000},
    "far in the future": {"timestamp": "2553-07-21T23:34:33.709551615Z"},
    "at the epoch": {"timestamp": "1970-01-01T00:00:00.000000000Z"},
    "a status no server sends": {"status_code": 2**63},
    "a sequence too long": {"source": {"id": "s", "sequence": 2**64 - 1}},
    "empty texts": {"user_id": "", "ip_address": "", "reason": "", "resource_type": "", "related": ("",)},
}  # fmt: skip
