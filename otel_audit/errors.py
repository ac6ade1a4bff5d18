"""Errors, each named for what the caller may do about it."""


class AuditError(Exception):
    """Everything this package raises."""


class NotConfigured(AuditError):
    """The call needs ``otel_audit.configure()`` first, or one of its settings is wrong; call again, corrected."""


class InvalidEvent(AuditError, ValueError):
    """The event itself is wrong: sending it again as it is cannot help."""
