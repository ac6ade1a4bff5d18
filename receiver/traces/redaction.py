"""Spans without what must not be told."""

from dataclasses import replace
from typing import Any

import orjson

from otel_audit.redact import Redactor
from receiver.traces.span import Span, SpanError


def redacted(span: Span, redactor: Redactor) -> Span:
    """*span* by the rules for entries: its name, its attributes, its error's message and stack. Twice is as once."""
    texts = {"name": span.name, "service": span.service}
    if span.error is not None:
        texts |= {"type": span.error.type, "message": span.error.message, "stack": span.error.stack}
    attributes, texts = _clean(span.attributes, redactor), _clean(texts, redactor)
    error = None if span.error is None else SpanError(texts["type"], texts["message"], texts["stack"])
    return replace(span, name=texts["name"], service=texts["service"], attributes=attributes, error=error)


def _clean(attributes: Any, redactor: Redactor) -> Any:
    """*attributes* redacted; themselves when there is nothing to redact, which is nearly always and told fast."""
    return redactor.redact(attributes)[0] if redactor.needed(attributes, orjson.dumps(attributes)) else attributes
