"""The shapes of the API's answers, for its OpenAPI document."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from otel_audit.entry import Entry
from receiver.api.params import SEARCH


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EntryDocument(Entry):
    """An entry as it is shown: ``message`` is one sentence, ``changes`` an RFC 6902 patch."""

    message: str
    changes: list[dict[str, Any]]


class OneEntryDocument(EntryDocument):
    """An entry asked for by its id, with what every answer carries."""

    as_of: str
    warnings: list[str]


class Fresh(Document):
    """Nothing found with a warning is *unknown*, not *nothing*; complete up to ``as_of``."""

    as_of: str
    warnings: list[str]


class TotalDocument(Document):
    value: int
    exact: bool


class EntriesDocument(Fresh):
    entries: list[EntryDocument]


class SearchDocument(EntriesDocument):
    next_cursor: str | None
    total: TotalDocument


class HistoryDocument(EntriesDocument):
    resource_type: str
    resource_id: str
    state: Any


class SpanErrorDocument(Document):
    type: str | None
    message: str | None
    stack: str | None


class SpanDocument(Document):
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    service: str | None
    start: str
    duration_ns: int
    self_time_ns: int
    status: str
    error: SpanErrorDocument | None
    entries: list[str]


class FailureDocument(SpanErrorDocument):
    span_id: str | None
    event_id: str | None
    service: str | None
    name: str


class DependencyDocument(Document):
    caller: str
    callee: str
    calls: int
    errors: int


class TraceDocument(EntriesDocument):
    trace_id: str
    source: str | None
    complete: bool
    missing_parents: list[str]
    start: str | None
    duration_ns: int | None
    services: list[str]
    spans: list[SpanDocument]
    errors: list[FailureDocument]
    dependencies: list[DependencyDocument]
    critical_path: list[str]


_INTEGERS = {"status_code_min", "limit"}

SEARCH_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": "integer" if name in _INTEGERS else "string"},
    }
    for name in (*SEARCH, "cursor")
]
