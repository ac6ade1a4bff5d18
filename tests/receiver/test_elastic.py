"""Bulk requests: cut by size, and every item's fate known."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, ConnectionTimeout
from hypothesis import given
from hypothesis import strategies as st

from receiver import elastic
from receiver.elastic import Item, batches, bulk, bulk_meeting
from receiver.errors import Unavailable


def item(number: int, size: int = 2) -> Item:
    return Item(orjson.dumps({"create": {"_id": str(number)}}), b"x" * size)


class Server:
    """A client whose bulk requests are answered as told, a status (or an answer, or an error) for each item."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.bodies: list[Sequence[bytes]] = []

    def bulk(self, operations: Sequence[bytes], filter_path: str) -> dict[str, Any]:
        self.bodies.append(operations)
        if isinstance(self.outcomes[0], Exception):
            raise self.outcomes.pop(0)
        count = len(operations) // 2
        told, self.outcomes = self.outcomes[:count], self.outcomes[count:]
        items = [{"create": each if isinstance(each, dict) else {"status": each}} for each in told]
        return {"took": 1, "errors": True, "items": items}


def refused(*outcomes: Any, items: Sequence[Item] | None = None) -> list[str]:
    """The reasons of what *outcomes* refuse."""
    server: Any = Server(*outcomes)
    sent = items if items is not None else [item(number) for number in range(len(outcomes))]
    return [each.reason for each in bulk(server, sent)]


def api_error(status: int) -> ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 9200))
    return ApiError("no", meta, {"error": "no"})


def test_what_is_created_or_there_already_is_done() -> None:
    """A repeat meets its twin, and that is as good as having created it."""
    assert refused(201, 409, 200) == []


def test_a_refused_content_is_told_with_its_reason() -> None:
    """Items refused for their content come back, each with the server's reason; the others are done."""
    error = {"type": "document_parsing_exception", "reason": "failed to parse", "caused_by": {"reason": "too deep"}}
    server: Any = Server(201, {"status": 400, "error": error}, 201)
    items = [item(number) for number in range(3)]
    (only,) = bulk(server, items)
    assert (only.item, only.reason) == (items[1], "status 400: failed to parse: too deep")


def test_the_failure_store_is_a_refusal() -> None:
    """A document that went to a failure store is not in the index."""
    assert len(refused({"status": 201, "failure_store": "used"}, {"status": 201, "failure_store": "not_enabled"})) == 1


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_refusal_for_now_is_unavailable(status: int) -> None:
    """What may be taken later is to be sent again, never counted as refused or as done."""
    with pytest.raises(Unavailable):
        refused(201, status)


@pytest.mark.parametrize("error", [api_error(429), api_error(503), api_error(403), ConnectionTimeout("slow")])
def test_a_request_without_an_answer_is_unavailable(error: Exception) -> None:
    """When the request as a whole fails, all of it is to be sent again."""
    with pytest.raises(Unavailable):
        refused(error, items=[item(1), item(2)])


def test_a_request_too_large_for_the_server_is_sent_in_parts() -> None:
    """A proxy in between may take less than the server."""
    assert refused(api_error(413), 201, 201, items=[item(1), item(2)]) == []


def test_an_item_too_large_for_the_server_is_refused() -> None:
    """Alone in its request and still too large, an item can never be taken."""
    assert refused(api_error(413), items=[item(1)]) == ["larger than the server takes"]


def test_requests_are_cut_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request stays below the limit, and an item beyond it goes alone."""
    monkeypatch.setattr(elastic, "BODY_MAX_BYTES", 200)
    sizes = [50, 50, 50, 500, 50]
    server: Any = Server(*[201] * len(sizes))
    items = [item(number, size) for number, size in enumerate(sizes)]
    assert bulk(server, items) == []
    assert [len(body) // 2 for body in server.bodies] == [2, 1, 1, 1]
    assert [line for body in server.bodies for line in body] == [line for each in items for line in each]


def test_nothing_to_send_asks_nothing() -> None:
    """Without items there is no request."""
    server: Any = SimpleNamespace()
    assert bulk(server, []) == []


@given(sizes=st.lists(st.sampled_from([1, 1024, 2**20, 3 * 2**20, 6 * 2**20]), max_size=12))
def test_cutting_loses_nothing(sizes: list[int]) -> None:
    """The requests together are the items in order, and no two of them would have fitted into one."""
    items = [item(number, size) for number, size in enumerate(sizes)]
    cut = list(batches(items))
    assert [each for batch in cut for each in batch] == items
    weights = [sum(len(each.action) + len(each.document) + 2 for each in batch) for batch in cut]
    assert all(weight <= elastic.BODY_MAX_BYTES or len(batch) == 1 for weight, batch in zip(weights, cut, strict=True))


def test_an_item_that_spoils_its_request_is_found_by_halving() -> None:
    """A request refused as a whole is sent in halves until the one is found; all others are done."""
    poison = item(3)

    class Picky(Server):
        """Refuses each request that holds the poison."""

        def bulk(self, operations: Sequence[bytes], filter_path: str) -> dict[str, Any]:
            self.bodies.append(operations)
            if poison.action in operations:
                raise api_error(400)
            return {"items": [{"create": {"status": 201}} for _ in operations[::2]]}

    server: Any = Picky()
    assert [each.item for each in bulk(server, [item(number) for number in range(8)])] == [poison]
    done = {line for body in server.bodies if poison.action not in body for line in body[::2]}
    assert done == {item(number).action for number in range(8)} - {poison.action}


def test_a_closed_index_says_nothing_against_an_item() -> None:
    """It is Unavailable, though the server calls it a bad request."""
    with pytest.raises(Unavailable, match="closed"):
        refused({"status": 400, "error": {"type": "index_closed_exception", "reason": "closed"}})


def test_who_met_another_version_is_told() -> None:
    """For those who name the version they write over."""
    server: Any = Server(201, 409)
    answered = bulk_meeting(server, [item(1), item(2)])
    assert (answered.refused, answered.met) == ([], [item(2)])
