"""What is redacted, and how: the settings that SDK and receiver share, and what is wrong with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from otel_audit.redact.marks import Mode
from otel_audit.redact.personal import words_of

KeepMode = Literal["remove", "mask", "pseudonym", "keep"]
KEEP_MODES: tuple[KeepMode, ...] = get_args(KeepMode)

FIELDS_MAX = 200
KEY_MIN = 16
FIELD_BYTES_LEAST, FIELD_BYTES_MOST = 1024, 64 * 1024 * 1024
_PATTERN = re.compile(r"[0-9A-Za-z_.\-*]{1,64}")
_STARS_MAX = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """How each kind is redacted.

    ``fields`` are names chosen beside the tables: a name, or the end of a dotted one, with ``*`` for a run without
    dots ▶ its mode; ``keep`` there spares a personal name, never a secret's. ``field_max_bytes`` bounds each attribute,
    as JSON.
    """

    pseudonym_key: bytes | None = field(default=None, repr=False)
    secrets: Mode = "remove"
    cards: Mode = "mask"
    ibans: Mode = "mask"
    personal: Mode = "pseudonym"
    staff_email: KeepMode = "keep"
    fields: Mapping[str, KeepMode] = field(default_factory=dict)
    field_max_bytes: int = 128 * 1024


def key_of(text: str) -> bytes:
    """The pseudonym key that *text* says; ValueError when it is too short to be one."""
    if not isinstance(text, str) or len(text.encode()) < KEY_MIN:
        raise ValueError(f"must have at least {KEY_MIN} bytes")
    return text.encode()


def fields_of(said: Mapping[str, Any]) -> Mapping[str, KeepMode]:
    """Chosen fields by their patterns; ValueError names every one that is wrong."""
    problems = [problem for pattern, mode in said.items() if (problem := _problem(pattern, mode)) is not None]
    if len(said) > FIELDS_MAX:
        problems.append(f"has {len(said)} patterns, more than {FIELDS_MAX}")
    if problems:
        raise ValueError("; ".join(problems))
    return dict(said)


def chosen(patterns: Mapping[str, KeepMode], name: str) -> KeepMode | None:
    """The mode that the first of *patterns* which fits *name* has chosen, if one does."""
    spelled = ".".join("_".join(words_of(part)) for part in name.split("."))
    for pattern, mode in patterns.items():
        if _compiled(pattern).search(name) or _compiled(pattern).search(spelled):
            return mode
    return None


def _problem(pattern: Any, mode: Any) -> str | None:
    if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
        return f"{pattern!r:.80} must be a name of 1 to 64 letters, digits, _ - . and *"
    if not pattern.strip("*."):
        return f"{pattern!r} would fit every name"
    if pattern.count("*") > _STARS_MAX:
        return f"{pattern!r} has more than {_STARS_MAX} *"
    if mode not in KEEP_MODES:
        return f"{pattern!r}: its mode must be one of {', '.join(KEEP_MODES)}, not {mode!r:.80}"
    return None


def _compiled(pattern: str) -> re.Pattern[str]:
    written = re.escape(pattern).replace(r"\*", r"[^.]*")
    return re.compile(rf"(?:\A|\.){written}\Z", re.IGNORECASE)
