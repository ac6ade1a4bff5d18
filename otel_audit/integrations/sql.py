"""SQL as text: which tables it changes, as far as its words tell."""

import re
from functools import lru_cache

from otel_audit.integrations.audited import Verb

#: Why rows that a text changes cannot be told one by one.
WHY = "it is SQL text, or stands within another statement"
_VERBS: dict[str, Verb] = {"insert": "create", "replace": "create", "delete": "delete", "truncate": "delete"}
_QUOTES = "\"'`[]"
#: A verb and the table after it; comments and literals are taken out before.
_CHANGE = re.compile(
    r"\b(insert(?:\s+or\s+\w+)?\s+into|replace\s+into|update(?:\s+or\s+\w+)?|delete\s+from|truncate(?:\s+table)?"
    r"|merge\s+into|copy)\s+(?:only\s+)?((?:[\w\"`\[\]]+\s*\.\s*)*[\w\"`\[\]]+)",
    re.IGNORECASE,
)
_NO_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


@lru_cache(256)
def changes_in(statement: str) -> tuple[tuple[Verb, str], ...]:
    """What a text does to which tables, their names in lower case and without schema."""
    found = _CHANGE.findall(_NO_CODE.sub(" ", statement))
    return tuple((_verb(verb), _bare(table)) for verb, table in found)


def _verb(verb: str) -> Verb:
    return _VERBS.get(verb.split()[0].lower(), "update")


def _bare(table: str) -> str:
    return table.rpartition(".")[2].strip().strip(_QUOTES).lower()
