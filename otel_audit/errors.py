"""Errors, each named for what the caller may do about it."""


class AuditError(Exception):
    """Everything this package raises."""


class NotConfigured(AuditError):
    """The call needs ``otel_audit.configure()`` first, or one of its settings is wrong; call again, corrected."""


class InvalidEvent(AuditError, ValueError):
    """The event itself is wrong: sending it again as it is cannot help."""


class AuditNotStored(AuditError):
    """The receiver did not confirm in time that the event is stored: fail the business operation, or do it again.

    The event may still arrive; its number is reported as abandoned. ``event_id`` names it. Raised by ``enforced``
    alone.
    """

    def __init__(self, reason: str, event_id: str) -> None:
        super().__init__(f"audit event {event_id} is not known to be stored: {reason}")
        self.reason = reason
        self.event_id = event_id


class UnseenChange(AuditError):
    """A statement changes rows of an audited model that cannot be told one by one: nothing of it was told.

    Change the rows through the model or in smaller parts, raise ``bulk_max_rows``, or allow it with
    ``unseen="record"``. The transaction it was part of should be rolled back.
    """
