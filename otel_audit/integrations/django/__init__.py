"""Django: transactions are told as they ended, and the changed rows of chosen models with both states."""

from otel_audit.integrations.audited import Audited
from otel_audit.integrations.django.states import audit_models
from otel_audit.integrations.django.transactions import install

__all__ = ["Audited", "audit_models", "install"]
