"""The stories as the log tells them: asked through the API, checked, and shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from examples.checkout.scenarios import CORRECTION_REASON, CUSTOMER, LAMP, Told

SERVICES = ("storefront", "order", "payment", "inventory", "shipping")
CHECKOUT = (
    "order.create.success",
    "payment.authorize.success",
    "payment.capture.success",
    "inventory.update.success",
    "shipping.label.create.success",
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """One story: its entries, oldest first, and what is still missing from it."""

    title: str
    entries: tuple[Json, ...]
    missing: tuple[str, ...]


class Log:
    """The receiver's API, as far as the stories need it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def entries(self, **filters: str) -> list[Json]:
        """Entries that match, oldest first."""
        answer = self._client.get("/api/v1/entries", params={**filters, "order": "asc"})
        return list(answer.raise_for_status().json()["entries"])

    def history(self, resource_type: str, resource_id: str) -> list[Json]:
        """A resource's entries, oldest first."""
        answer = self._client.get(f"/api/v1/resources/{resource_type}/{resource_id}/history")
        return [] if answer.status_code == 404 else list(answer.raise_for_status().json()["entries"])

    def trace_of(self, entry: Json) -> Json:
        """The trace that explains an entry."""
        answer = self._client.get(f"/api/v1/entries/{entry['event_id']}/trace")
        return dict(answer.raise_for_status().json())


def read(log: Log, told: Told) -> list[Story]:
    """Every story, as far as it can be told by now."""
    return [_checkout(log, told), _inventory(log), _label(log, told), _dispute(log, told), _logins(log)]


def _checkout(log: Log, told: Told) -> Story:
    entries = [entry for entry in log.entries(related=f"order:{told.order_id}") if entry["action"] in CHECKOUT]
    missing = _absent(entries, CHECKOUT)
    traces = {entry["trace_id"] for entry in entries}
    if len(traces) > 1:
        missing.append(f"one trace for all of it, not {len(traces)}")
    if entries:
        services = {span["service"] for span in log.trace_of(entries[0])["spans"]}
        missing += [f"{service} in the trace" for service in SERVICES if service not in services]
    return _story(log, "A checkout through all five services", entries, missing)


def _inventory(log: Log) -> Story:
    entries = log.history("inventory_item", LAMP)
    missing = _absent(entries, ["inventory.update.success"])
    for entry in entries:
        missing += _wrong(
            entry,
            previous_state={"stock": 50},
            new_state={"stock": 35},
            user_id="u-bob",
            actor_type="staff",
            ip_address="198.51.100.23",
            reason=CORRECTION_REASON,
        )
    return _story(log, f"The inventory puzzle: who took 15 of {LAMP}?", entries, missing)


def _label(log: Log, told: Told) -> Story:
    entries = log.entries(action="order.label.print.failed", resource_id=told.order_id)
    missing = _absent(entries, ["order.label.print.failed"])
    for entry in entries:
        missing += _wrong(entry, actor_type="system", user_id=None, error_type="printer_offline")
        if entry["metadata"].get("printer_id") != "warehouse_printer_2":
            missing.append("the printer")
        failing = [
            span for span in log.trace_of(entry)["spans"] if span["span_id"] == entry["span_id"] and span["error"]
        ]
        if not failing:
            missing.append("the failing span and its error")
    return _story(log, "The label that never printed", entries, missing)


def _dispute(log: Log, told: Told) -> Story:
    entries = log.entries(action="payment.capture.success", related=f"order:{told.order_id}")
    missing = _absent(entries, ["payment.capture.success"])
    for entry in entries:
        missing += _wrong(
            entry,
            resource_id=told.payment_id,
            ip_address=CUSTOMER["X-Forwarded-For"],
            user_agent=CUSTOMER["User-Agent"],
            session_id=told.session_id,
        )
    return _story(log, "The payment dispute: was it the customer?", entries, missing)


def _logins(log: Log) -> Story:
    entries = log.entries(action="user.login.*")
    return _story(log, "Logins", entries, _absent(entries, ["user.login.failed", "user.login.success"]))


def _story(log: Log, title: str, entries: Iterable[Json], missing: list[str]) -> Story:
    """A story with every entry held against its trace."""
    told = tuple(entries)
    for entry in told:
        spans = {span["span_id"]: span for span in log.trace_of(entry)["spans"]}
        if entry["event_id"] not in spans.get(entry["span_id"], {"entries": ()})["entries"]:
            missing.append(f"the span of {entry['action']}")
        shown = ("span_name", "span_status", "duration_ms")
        missing += [f"{field} of {entry['action']}" for field in shown if entry[field] is None]
    return Story(title, told, tuple(dict.fromkeys(missing)))


def _absent(entries: Iterable[Json], actions: Iterable[str]) -> list[str]:
    found = {entry["action"] for entry in entries}
    return [action for action in actions if action not in found]


def _wrong(entry: Json, **expected: Any) -> list[str]:
    return [f"{field} {value!r}, not {entry[field]!r}" for field, value in expected.items() if entry[field] != value]
