"""What must not be told: secrets, card and account numbers, and who a person is; shared by SDK and receiver.

An audit entry is kept for years and nobody may change it, so what must not be in it is replaced before it is said.
docs/redaction.md tells the rules; :class:`Rules` are the settings, a :class:`Redactor` applies them.
"""

from otel_audit.redact.cut import cut
from otel_audit.redact.marks import MODES, REDACTED, Mode, is_pseudonym
from otel_audit.redact.redactor import STRUCTURE, Redactor
from otel_audit.redact.rules import FIELD_BYTES_LEAST, FIELD_BYTES_MOST, KEEP_MODES, KeepMode, Rules, fields_of, key_of

__all__ = [
    "FIELD_BYTES_LEAST",
    "FIELD_BYTES_MOST",
    "KEEP_MODES",
    "MODES",
    "REDACTED",
    "STRUCTURE",
    "KeepMode",
    "Mode",
    "Redactor",
    "Rules",
    "cut",
    "fields_of",
    "is_pseudonym",
    "key_of",
]
