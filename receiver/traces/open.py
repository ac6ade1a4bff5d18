"""The span store that the settings name."""

from receiver.config import Settings
from receiver.elastic import connect
from receiver.traces.elastic import DAYS_MAX, ElasticSpans
from receiver.traces.port import SpanStore
from receiver.traces.sqlite import SqliteSpans


def open_store(settings: Settings, *, write: bool) -> SpanStore:
    """Beside the entries: in the data directory, or in their Elasticsearch. Unavailable when it is not there yet."""
    if settings.index.url == "sqlite":
        return SqliteSpans(settings.data_dir, settings.traces.trace_max_spans, write=write)
    own_days = min(settings.index.oldest_days, settings.traces.retain_days or DAYS_MAX)
    return ElasticSpans(connect(settings.index), settings.index.namespace, settings.traces.trace_max_spans, own_days)
