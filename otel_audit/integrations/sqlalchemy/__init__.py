"""SQLAlchemy: transactions are told as they ended, and the changed rows of chosen models with both states."""

from otel_audit.integrations.sqlalchemy.transactions import install

__all__ = ["install"]
