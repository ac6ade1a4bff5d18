"""What one check found."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["fine", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """*message* says what is so, *hint* what a person can do about it."""

    name: str
    level: Level
    message: str
    hint: str = ""


def fine(name: str, message: str) -> Finding:
    """All is well."""
    return Finding(name, "fine", message)
