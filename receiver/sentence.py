"""One readable sentence for an entry: who did what to what, from, to, with which result, and why."""

from typing import Any

import orjson

from otel_audit.entry import Entry

VALUE_MAX = 80
CHANGES_MAX = 4

_RESULT = {"success": "succeeded", "failure": "failed", "unknown": "ended unknown"}


def sentence(entry: Entry) -> str:
    """*entry* in one line, from its said facts alone: it stays the same whatever its trace shows later."""
    done = f"{_who(entry)} did {entry.action}"
    if what := _what(entry):
        done += f" on {what}"
    if changes := _changes(entry.previous_state, entry.new_state):
        done += f", {changes}"
    text = f"{done}; it {_RESULT[entry.outcome]}"
    why = ", ".join(filter(None, (entry.error_type, entry.error_message, entry.reason)))
    return " ".join((f"{text}: {why}" if why else text).split())


def _who(entry: Entry) -> str:
    kind = entry.actor_type or ("user" if entry.user_id or entry.user_email else "someone")
    name = entry.user_id or entry.user_email
    if name is None and kind in ("service", "system"):
        name = entry.service_name
    return kind if name is None else f"{kind} {name}"


def _what(entry: Entry) -> str:
    return " ".join(filter(None, (entry.resource_type, entry.resource_id)))


def _changes(previous: Any, new: Any) -> str:
    """The fields that differ, as ``stock from 50 to 35``; nothing when no state was said."""
    if not (isinstance(previous, dict | None) and isinstance(new, dict | None)):
        return _change("", previous, new)
    previous, new = previous or {}, new or {}
    fields = [field for field in {**previous, **new} if previous.get(field) != new.get(field)]
    told = [_change(f"{field} ", previous.get(field), new.get(field)) for field in fields[:CHANGES_MAX]]
    more = len(fields) - len(told)
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def _change(label: str, previous: Any, new: Any) -> str:
    ends = [f"from {_short(previous)}" if previous is not None else "", f"to {_short(new)}" if new is not None else ""]
    return label + " ".join(filter(None, ends)) if any(ends) else ""


def _short(value: Any) -> str:
    """A value as a person would write it, cut where nobody reads on."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"
