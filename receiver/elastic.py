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
_WRONG_CONTENT = 400
_TOO_LARGE = 413


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


def bulk(client: Elasticsearch, items: Sequence[Item]) -> list[RefusedItem]:
    """Send *items* in as many requests as their size needs; return those refused for what they contain.

    All others are durable in the server then. Unavailable when it took less than that: some may be there already,
    so items must bear being sent again.
    """
    return [refused for batch in batches(items) for refused in _send(client, batch)]


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


def _send(client: Elasticsearch, batch: Sequence[Item]) -> Iterator[RefusedItem]:
    # Bytes travel as they are; the client's types only know mappings.
    operations: list[Any] = [line for item in batch for line in item]
    try:
        answer = client.bulk(operations=operations, filter_path=_BULK_ANSWER)
    except ApiError as error:
        if error.meta.status == _TOO_LARGE and len(batch) == 1:
            return iter([RefusedItem(batch[0], "larger than the server takes")])
        raise unavailable(error) from error
    except TransportError as error:
        raise unavailable(error) from error
    return _refused(batch, answer["items"])


def _refused(batch: Sequence[Item], results: Sequence[Mapping[str, Any]]) -> Iterator[RefusedItem]:
    """The items refused for good; Unavailable for one that was refused for now."""
    for item, result in zip(batch, results, strict=True):
        (outcome,) = result.values()
        if outcome["status"] == _WRONG_CONTENT or outcome.get("failure_store") == "used":
            yield RefusedItem(item, _reason(outcome))
        elif outcome["status"] not in _DONE:
            raise Unavailable(f"Elasticsearch refused an item for now: {_reason(outcome)}", retry_after_s=2.0)


def _reason(outcome: Mapping[str, Any]) -> str:
    error = outcome.get("error") or {}
    cause = error.get("caused_by") or {}
    told = [f"status {outcome['status']}", error.get("reason"), cause.get("reason")]
    return ": ".join(filter(None, told))[:500]
