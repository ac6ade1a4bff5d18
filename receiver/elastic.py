"""The Elasticsearch client as everybody here uses it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch, TransportError

from receiver.config import Index
from receiver.errors import Unavailable

#: A bulk request is closed when its next item would take it beyond this, or when it has so many.
BODY_MAX_BYTES = 5 * 1024 * 1024
ITEMS_MAX = 500
#: Bulk requests under way at once: the server works on them while the next is made.
IN_FLIGHT_MAX = 3

_BULK_ANSWER = "took,errors,items.*.error,items.*.status,items.*.failure_store"
#: Created, replaced, or there already: for an item whose id is its content's, all mean that it is there.
_DONE = (200, 201, 409)
_MET = 409
_WRONG_CONTENT = 400
_TOO_LARGE = 413
#: Wrong because of what the index is at the moment, not because of what the document says.
_FOR_NOW = ("index_closed_exception",)


def connect(settings: Index, *, write: bool = True) -> Elasticsearch:
    """A client for ``index.url``; it connects at its first request and does not retry by itself.

    One that does not *write* has the credentials for reading, where there are some of its own.
    """
    credentials = _credentials(settings, write)
    if settings.ca is not None:
        credentials["ca_certs"] = str(settings.ca)
    return Elasticsearch(
        settings.url, request_timeout=settings.timeout_s, max_retries=0, retry_on_timeout=False, **credentials
    )


def _credentials(settings: Index, write: bool) -> dict[str, Any]:
    user, password, api_key = settings.user, settings.password, settings.api_key
    if not write and (settings.read_user is not None or settings.read_api_key is not None):
        user, password, api_key = settings.read_user, settings.read_password, settings.read_api_key
    if api_key is not None:
        return {"api_key": api_key}
    return {} if user is None else {"basic_auth": (user, password or "")}


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

    def add(self, more: "Answered") -> None:
        """Those of another request."""
        self.refused.extend(more.refused)
        self.met.extend(more.met)


def bulk(client: Elasticsearch, items: Iterable[Item]) -> list[RefusedItem]:
    """Send *items* in as many requests as their size needs; return those refused for what they contain.

    All others are durable in the server then. Unavailable when it took less than that: some may be there already,
    so items must bear being sent again.
    """
    return bulk_meeting(client, items).refused


def bulk_meeting(client: Elasticsearch, items: Iterable[Item]) -> Answered:
    """:func:`bulk` for items that stand only where they meet the version they name.

    Items are taken one after the other while those before them are under way; all are answered when this returns,
    or raises.
    """
    answered = Answered([], [])
    under_way: deque[Future[Answered]] = deque()
    with ThreadPoolExecutor(IN_FLIGHT_MAX, thread_name_prefix="bulk") as senders:
        for batch in batches(items):
            if len(under_way) == IN_FLIGHT_MAX:
                answered.add(under_way.popleft().result())
            under_way.append(senders.submit(_send, client, batch))
        for each in under_way:
            answered.add(each.result())
    return answered


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """*items* in order, cut at ITEMS_MAX and where a body would grow beyond BODY_MAX_BYTES, which one alone may."""
    batch: list[Item] = []
    size = 0
    for item in items:
        more = len(item.action) + len(item.document) + 2
        if batch and (size + more > BODY_MAX_BYTES or len(batch) == ITEMS_MAX):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += more
    if batch:
        yield batch


def _send(client: Elasticsearch, batch: Sequence[Item]) -> Answered:
    # Bytes travel as they are; the client's types only know mappings.
    operations: list[Any] = [line for item in batch for line in item]
    try:
        answer = client.bulk(operations=operations, filter_path=_BULK_ANSWER)
    except ApiError as error:
        if error.meta.status not in (_WRONG_CONTENT, _TOO_LARGE):
            raise unavailable(error) from error
        if len(batch) == 1:
            return Answered([RefusedItem(batch[0], _told(error))], [])
        # One item that spoils the whole request is found by halving it.
        answered = _send(client, batch[: len(batch) // 2])
        answered.add(_send(client, batch[len(batch) // 2 :]))
        return answered
    except TransportError as error:
        raise unavailable(error) from error
    return _sorted(batch, answer["items"])


def _sorted(batch: Sequence[Item], results: Sequence[Mapping[str, Any]]) -> Answered:
    """Who was refused for good, who met another version; Unavailable for one that was refused for now."""
    answered = Answered([], [])
    for item, result in zip(batch, results, strict=True):
        (outcome,) = result.values()
        if outcome.get("failure_store") == "used" or _is_wrong(outcome):
            answered.refused.append(RefusedItem(item, _reason(outcome)))
        elif outcome["status"] not in _DONE:
            raise Unavailable(f"Elasticsearch refused an item for now: {_reason(outcome)}", retry_after_s=2.0)
        elif outcome["status"] == _MET:
            answered.met.append(item)
    return answered


def _is_wrong(outcome: Mapping[str, Any]) -> bool:
    return outcome["status"] == _WRONG_CONTENT and outcome.get("error", {}).get("type") not in _FOR_NOW


def _told(error: ApiError) -> str:
    return "larger than the server takes" if error.meta.status == _TOO_LARGE else str(error)[:500]


def _reason(outcome: Mapping[str, Any]) -> str:
    error = outcome.get("error") or {}
    cause = error.get("caused_by") or {}
    told = [f"status {outcome['status']}", error.get("reason"), cause.get("reason")]
    return ": ".join(filter(None, told))[:500]
