"""The shapes of the API's answers, for its OpenAPI document."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from otel_audit.entry import Entry
from receiver.api.params import DEADLETTER, HISTORY, SEARCH_NAMES, STREAMS, VALUE_MAX
from receiver.correlate.letters import Kind
from receiver.streams import State


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


class BreakDocument(Document):
    event_id: str
    after: str
    expected: Any
    found: Any


class NamedSearchDocument(SearchDocument):
    """``filters`` are all that were asked: with them and ``next_cursor``, here or at ``/entries``, it goes on."""

    name: str
    filters: dict[str, str]


class SearchesDocument(Document):
    searches: list[dict[str, Any]]


class CountDocument(Document):
    value: str
    count: int


class FacetsDocument(Fresh):
    facets: dict[str, list[CountDocument]]
    exact: bool


class HistoryDocument(EntriesDocument):
    resource_type: str
    resource_id: str
    state: Any
    breaks: list[BreakDocument]


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


class WhyDocument(Document):
    why: str
    key: str


class JourneyTraceDocument(Document):
    trace_id: str
    start: str
    end: str
    services: list[str]
    entries: int
    links: list[WhyDocument]


class StepDocument(Document):
    event_id: str
    timestamp: str
    gap_ms: float
    trace_id: str | None
    service_name: str | None
    action: str
    outcome: str
    message: str


class AbandonedDocument(Document):
    event_id: str
    at: str
    resumed: str | None


class JourneyDocument(EntriesDocument):
    type: str
    id: str
    traces: list[JourneyTraceDocument]
    timeline: list[StepDocument]
    abandoned: list[AbandonedDocument]


class StreamDocument(Document):
    source_id: str
    service: str | None
    state: State
    first: int | None
    last: int
    received: int
    missing: list[tuple[int, int]]
    waiting: list[tuple[int, int]]
    reported_lost: dict[str, int]
    abandoned: list[int]
    last_seen: str
    silent_s: float


class CompletenessDocument(Fresh):
    streams: list[StreamDocument]
    next_cursor: str | None


class LetterDocument(Document):
    id: str
    kind: Kind
    state: Literal["open", "dropped", "retried"]
    reason: str
    received_at: str | None
    sender: dict[str, Any] | None
    service: str | None
    name: str | None
    trace_id: str | None
    span_id: str | None
    event_id: str | None
    attributes: dict[str, Any]
    conflict: bool
    other: dict[str, Any] | None


class OneLetterDocument(LetterDocument, Fresh):
    """A dead letter asked for by its id."""


class DeadletterDocument(Fresh):
    letters: list[LetterDocument]
    next_cursor: str | None


class DropBody(Document):
    """Why it is dropped."""

    reason: str = Field(min_length=1, max_length=VALUE_MAX)


class ReindexBody(Document):
    """Which partition, as in an index's name; all without one."""

    partition: str | None = Field(None, pattern=r"^(\d{4}\.\d\d(\.\d\d)?|outlier)$")


class RequestedDocument(Document):
    request: str


class RequestDocument(Fresh):
    request: str
    what: Literal["retry", "rebuild"]
    partition: str | None
    deadletter: str | None
    state: Literal["open", "done", "failed"]
    reason: str | None
    rows: int | None
    of: int | None


_TYPES = {"status_code_min": "integer", "limit": "integer", "amount_min": "number", "amount_max": "number"}


def _parameters(names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {"type": _TYPES.get(name, "string")},
        }
        for name in names
    ]


SEARCH_PARAMETERS = _parameters(SEARCH_NAMES)
STREAM_PARAMETERS = _parameters(STREAMS)
DEADLETTER_PARAMETERS = _parameters(DEADLETTER)
HISTORY_PARAMETERS = _parameters(HISTORY)
