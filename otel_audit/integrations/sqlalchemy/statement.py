"""What a statement does, as far as its text and SQLAlchemy tell."""

import re
from typing import Any

#: Statements that change nothing, where SQLAlchemy cannot tell by itself.
_LEADING = r"(?:[\s(]|--.*(?:\n|$)|/\*[\s\S]*?\*/)*"
_READS = re.compile(
    _LEADING + r"(?:select|show|set|values|table|fetch|pragma|begin|savepoint|release)\b", re.IGNORECASE
)
#: They do what the statements in them do; a row that is locked FOR UPDATE is only read.
_WRAPS = re.compile(_LEADING + r"(?:with|explain)\b", re.IGNORECASE)
_CHANGES = re.compile(r"\b(?:insert|(?<!for )(?<!key )update|delete|merge|create|call|execute)\b", re.IGNORECASE)


def changes(statement: str, context: Any) -> bool:
    if context is not None and (context.isinsert or context.isupdate or context.isdelete):
        return True
    if _WRAPS.match(statement):
        return _CHANGES.search(statement) is not None
    return _READS.match(statement) is None


def target_of(statement: Any) -> Any:
    """The table that an INSERT, UPDATE or DELETE is for.

    A bulk statement on a class of several tables is one object for all of them; the ORM notes which is meant.
    """
    noted = statement._annotations
    target = noted.get("_emit_insert_table", noted.get("_emit_update_table"))
    return statement.table if target is None else target
