"""The SDK's settings of redaction: keywords of ``configure()`` and ``OTEL_AUDIT_…`` variables of the same names."""

from collections.abc import Callable, Mapping
from typing import Any

from otel_audit.redact import (
    FIELD_BYTES_LEAST,
    FIELD_BYTES_MOST,
    KEEP_MODES,
    MODES,
    KeepMode,
    Rules,
    fields_of,
    key_of,
)


def read(said: Mapping[str, Any], variable: Callable[[str], str | None], problems: list[str]) -> Rules:
    """The rules that keywords (*said*) and variables say, each by its name; what is wrong with any joins *problems*."""
    rules: dict[str, Any] = {}
    for name, (rule, check) in _SETTINGS.items():
        value = variable(f"OTEL_AUDIT_{name.upper()}") if said.get(name) is None else said[name]
        if value is None:
            continue
        try:
            rules[rule] = check(value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return Rules(**rules)


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {value!r:.80}")
        return value

    return check


def _bytes(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not FIELD_BYTES_LEAST <= number <= FIELD_BYTES_MOST:
        raise ValueError(f"must be {FIELD_BYTES_LEAST} to {FIELD_BYTES_MOST}, not {value!r:.80}")
    return number


def _pairs(text: str) -> dict[str, str]:
    """``name=mode,name=mode``, as a variable says it; one without a mode is a pseudonym."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {name.strip(): mode.strip() or "pseudonym" for name, _, mode in pairs}


def _fields(value: Any) -> Mapping[str, KeepMode]:
    said = _pairs(value) if isinstance(value, str) else value
    if not isinstance(said, Mapping):
        raise ValueError(f"must be a map of names and modes, not {type(value).__name__}")
    return fields_of(said)


#: Keyword ▶ the rule it sets, and how it is read.
_SETTINGS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "pseudonym_key": ("pseudonym_key", key_of),
    "redact_secrets": ("secrets", _one_of(MODES)),
    "redact_cards": ("cards", _one_of(MODES)),
    "redact_ibans": ("ibans", _one_of(MODES)),
    "redact_personal": ("personal", _one_of(MODES)),
    "redact_staff_email": ("staff_email", _one_of(KEEP_MODES)),
    "redact_fields": ("fields", _fields),
    "field_max_bytes": ("field_max_bytes", _bytes),
}
