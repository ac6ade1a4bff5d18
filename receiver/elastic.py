"""The Elasticsearch client as everybody here uses it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch, TransportError

from receiver.config import Index
from receiver.errors import Unavailable

#: A bulk request is closed when its next item would take it beyond this.
BODY_MAX_BYTES = 5 * 1024 * 1024

_BULK_ANSWER = "took,errors,items.*.error,items.*.status,items.*.failure_store"
#: Created, replaced, or there already: for an item whose id is its content's, all mean that it is there.
_DONE = (200, 201, 409)
_MET = 409
_WRONG_CONTENT = 400
_TOO_LARGE = 413
#: Wrong because of what the index is at the moment, not because of what the document says.
_FOR_NOW = ("index_closed_exception",)


def connect(settings: Index) -> Elasticsearch:
    """A client for ``index.url``; it connects at its first request and does not retry by itself."""
    credentials: dict[str, Any] = {}
    if settings.api_key is not None:
        credentials["api_key"] = settings.api_key
    elif settings.user is not None:
        credentials["basic_auth"] = (settings.user, settings.password or "")
    if settings.ca is not None:
        credentials["ca_certs"] = str(settings.ca)
    return Elasticsearch(
        settings.url, request_timeout=settings.timeout_s, max_retries=0, retry_on_timeout=False, **credentials
    )


def unavailable(error: ApiError | TransportError) -> Unavailable:
    """*error* as the error of a backend that does not answer."""
    return Unavailable(f"Elasticsearch: {str(error)[:300]}", retry_after_s=2.0)


@contextmanager
def answering() -> Iterator[None]:
    """Whatever the client raises in this block is Unavailable: the server, or the way to it, does not answer."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise unavailable(error) from error


class Item(NamedTuple):
    """One action of a bulk request with its document, both as JSON."""

    action: bytes
    document: bytes


class RefusedItem(NamedTuple):
    """An item whose content the server will never take, and why."""

    item: Item
    reason: str


class Answered(NamedTuple):
    """The items refused for good, and those that met another version of their document (409)."""

    refused: list[RefusedItem]
    met: list[Item]


def bulk(client: Elasticsearch, items: Sequence[Item]) -> list[RefusedItem]:
    """Send *items* in as many requests as their size needs; return those refused for what they contain.

    All others are durable in the server then. Unavailable when it took less than that: some may be there already,
    so items must bear being sent again.
    """
    return bulk_meeting(client, items).refused


def bulk_meeting(client: Elasticsearch, items: Sequence[Item]) -> Answered:
    """:func:`bulk` for items that stand only where they meet the version they name."""
    answered = Answered([], [])
    for batch in batches(items):
        _send(client, batch, answered)
    return answered


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """*items* in order, cut where a body would grow beyond BODY_MAX_BYTES; an item larger than that goes alone."""
    batch: list[Item] = []
    size = 0
    for item in items:
        more = len(item.action) + len(item.document) + 2
        if batch and size + more > BODY_MAX_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += more
    if batch:
        yield batch


def _send(client: Elasticsearch, batch: Sequence[Item], answered: Answered) -> None:
    # Bytes travel as they are; the client's types only know mappings.
    operations: list[Any] = [line for item in batch for line in item]
    try:
        answer = client.bulk(operations=operations, filter_path=_BULK_ANSWER)
    except ApiError as error:
        if error.meta.status not in (_WRONG_CONTENT, _TOO_LARGE):
            raise unavailable(error) from error
        if len(batch) == 1:
            answered.refused.append(RefusedItem(batch[0], _told(error)))
            return
        # One item that spoils the whole request is found by halving it.
        for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            _send(client, part, answered)
    except TransportError as error:
        raise unavailable(error) from error
    else:
        _sort(batch, answer["items"], answered)


def _sort(batch: Sequence[Item], results: Sequence[Mapping[str, Any]], answered: Answered) -> None:
    """Who was refused for good, who met another version; Unavailable for one that was refused for now."""
    for item, result in zip(batch, results, strict=True):
        (outcome,) = result.values()
        if outcome.get("failure_store") == "used" or _is_wrong(outcome):
            answered.refused.append(RefusedItem(item, _reason(outcome)))
        elif outcome["status"] not in _DONE:
            raise Unavailable(f"Elasticsearch refused an item for now: {_reason(outcome)}", retry_after_s=2.0)
        elif outcome["status"] == _MET:
            answered.met.append(item)


def _is_wrong(outcome: Mapping[str, Any]) -> bool:
    return outcome["status"] == _WRONG_CONTENT and outcome.get("error", {}).get("type") not in _FOR_NOW


def _told(error: ApiError) -> str:
    return "larger than the server takes" if error.meta.status == _TOO_LARGE else str(error)[:500]


def _reason(outcome: Mapping[str, Any]) -> str:
    error = outcome.get("error") or {}
    cause = error.get("caused_by") or {}
    told = [f"status {outcome['status']}", error.get("reason"), cause.get("reason")]
    return ": ".join(filter(None, told))[:500]
