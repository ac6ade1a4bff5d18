"""The span store and the trace sources that the settings name."""

from collections.abc import Callable
from functools import partial

from otel_audit.redact import Redactor
from receiver.config import Settings, TraceSourceSettings
from receiver.elastic import connect
from receiver.timing import stepped
from receiver.traces.elastic import DAYS_MAX, ElasticSpans
from receiver.traces.jaeger import JaegerSource
from receiver.traces.port import SpanStore, TraceSource
from receiver.traces.sources import OWN, Sources
from receiver.traces.sqlite import SqliteSpans


def open_store(settings: Settings, *, write: bool) -> SpanStore:
    """Beside the entries: in the data directory, or in their Elasticsearch. Unavailable when it is not there yet."""
    if settings.index.url == "sqlite":
        return SqliteSpans(settings.data_dir, settings.traces.trace_max_spans, write=write)
    own_days = min(settings.index.oldest_days, settings.traces.retain_days or DAYS_MAX)
    client = connect(settings.index, write=write)
    return ElasticSpans(client, settings.index.namespace, settings.traces.trace_max_spans, own_days)


def open_sources(settings: Settings) -> Sources:
    """Those of ``traces.sources``; without any the own store, unless no spans are kept there."""
    openers: dict[str, Callable[[], TraceSource]] = {}
    for number, each in enumerate(settings.traces.sources or (TraceSourceSettings(kind=OWN),), start=1):
        if each.kind != OWN:
            openers[f"{number} ({each.kind}, {each.url})"] = partial(_jaeger, each, settings)
        elif settings.traces.keep != "none":
            openers[OWN] = lambda: stepped("spans", open_store(settings, write=False))
    return Sources(openers)


def _jaeger(source: TraceSourceSettings, settings: Settings) -> TraceSource:
    headers = {name: value.get_secret_value() for name, value in source.headers.items()}
    redactor = Redactor(settings.redact.rules)
    spans = settings.traces.trace_max_spans
    return JaegerSource(source.url or "", headers, source.tenant, source.timeout_s, spans, redactor)
