"""The incidents the log exists for, solved by nothing but calls to the API."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from examples.checkout.processes import World
from examples.checkout.scenarios import LAMP, Told, play
from examples.checkout.stories import SERVICES, Log, read

pytestmark = pytest.mark.timeout(180)

FOUND_MAX_S = 30.0


class Shop(NamedTuple):
    """The API of a running world, and what happened there."""

    api: httpx.Client
    told: Told

    def ask(self, path: str, enough: Callable[[Any], bool], **params: str) -> Any:
        """The answer once it is *enough*; AssertionError with the last one when it never is."""
        deadline = time.monotonic() + FOUND_MAX_S
        while True:
            answer = self.api.get(f"/api/v1{path}", params=params)
            if answer.status_code == 200 and enough(answer.json()):
                return answer.json()
            assert time.monotonic() < deadline, f"{path} {params}: {answer.text}"
            time.sleep(0.1)

    def find(self, count: int = 1, **filters: str) -> list[dict[str, Any]]:
        """Exactly *count* entries, oldest first."""
        answer = self.ask("/entries", lambda page: len(page["entries"]) >= count, **filters, order="asc")
        assert len(answer["entries"]) == count
        return list(answer["entries"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A receiver and the five services, after every story has been played."""
    with World(tmp_path_factory.mktemp("shop"), free_ports=True) as world, httpx.Client(base_url=world.api) as api:
        yield Shop(api, play(world.storefront))


def services_of(trace: dict[str, Any]) -> set[str]:
    """The services whose own spans have come."""
    return {span["service"] for span in trace["spans"]}


def test_one_order_is_followed_through_all_five_services(shop: Shop):
    """One filter finds what five services recorded of an order; one call shows the trace that ties them."""
    checkout = [entry for entry in shop.find(6, related=f"order:{shop.told.order_id}") if entry["user_id"] == "u-ann"]
    assert [(entry["service_name"], entry["action"]) for entry in checkout] == [
        ("order", "order.create.success"),
        ("payment", "payment.authorize.success"),
        ("payment", "payment.capture.success"),
        ("inventory", "inventory.update.success"),
        ("shipping", "shipping.label.create.success"),
    ]
    [trace_id] = {entry["trace_id"] for entry in checkout}
    trace = shop.ask(f"/traces/{trace_id}", lambda trace: trace["complete"] and services_of(trace) == set(SERVICES))
    on_spans = {span["span_id"]: span["entries"] for span in trace["spans"]}
    assert all(entry["event_id"] in on_spans[entry["span_id"]] for entry in checkout)
    called = {(pair["caller"], pair["callee"]) for pair in trace["dependencies"]}
    assert called == {("storefront", "order"), *(("order", each) for each in ("payment", "inventory", "shipping"))}


def test_the_inventory_puzzle_is_solved_by_the_history_of_the_article(shop: Shop):
    """Fifteen lamps are gone: the history says who corrected the stock, when, from where and why."""
    history = shop.ask(f"/resources/inventory_item/{LAMP}/history", lambda history: history["entries"])
    [entry] = history["entries"]
    assert entry["changes"] == [{"op": "replace", "path": "/stock", "value": 35}]
    assert (entry["previous_state"], entry["new_state"]) == ({"stock": 50}, {"stock": 35})
    assert (entry["actor_type"], entry["user_id"], entry["user_email"]) == ("staff", "u-bob", "bob@example.org")
    assert (entry["ip_address"], entry["user_agent"]) == ("198.51.100.23", "shop-admin/2.4")
    assert entry["reason"] == "recount after water damage in aisle 7"
    [login] = shop.find(action="user.login.success", session_id=entry["session_id"])
    assert login["timestamp"] < entry["timestamp"]


def test_the_label_that_never_printed_is_explained_by_its_trace(shop: Shop):
    """From the complaint about an order to the printer: the failing span, and the error that made it fail."""
    [entry] = shop.find(action="order.label.*", related=f"order:{shop.told.order_id}", outcome="failure")
    assert (entry["action"], entry["severity"]) == ("order.label.print.failed", "notice")
    assert (entry["actor_type"], entry["user_id"], entry["error_type"]) == ("system", None, "printer_offline")
    assert entry["metadata"]["printer_id"] == "warehouse_printer_2"
    path = f"/entries/{entry['event_id']}/trace"
    trace = shop.ask(path, lambda trace: trace["complete"] and services_of(trace) == {"storefront", "shipping"})
    [failing] = [span for span in trace["spans"] if entry["event_id"] in span["entries"]]
    assert (failing["service"], failing["name"], failing["status"]) == ("shipping", "print label", "error")
    assert failing["error"]["type"].endswith("PrinterOffline")
    assert failing["error"]["message"] == "warehouse_printer_2 does not answer"
    assert failing["span_id"] in {error["span_id"] for error in trace["errors"]}


def test_the_payment_dispute_is_answered_by_the_order_id(shop: Shop):
    """The captured payment names the customer's address, agent and session, and the session leads to the login."""
    [payment] = shop.find(action="payment.capture.success", related=f"order:{shop.told.order_id}")
    assert (payment["resource_id"], payment["outcome"]) == (shop.told.payment_id, "success")
    assert (payment["user_id"], payment["session_id"]) == ("u-ann", shop.told.session_id)
    assert (payment["ip_address"], payment["user_agent"]) == ("203.0.113.7", "Mozilla/5.0 (demo; customer)")
    assert (payment["metadata"]["amount"], payment["metadata"]["currency"]) == (25.0, "EUR")
    [login] = shop.find(action="user.login.success", session_id=payment["session_id"])
    assert login["ip_address"] == payment["ip_address"]


def test_nobody_becomes_somebody_else_by_a_header(shop: Shop):
    """The storefront believes the session alone: the failed login stays anonymous, whatever is claimed."""
    [failed] = shop.find(action="user.login.failed")
    assert (failed["actor_type"], failed["user_id"], failed["error_type"]) == ("anonymous", None, "invalid_credentials")
    assert (failed["resource_id"], failed["user_email"]) == ("u-ann", "[masked ….org]")


def test_a_story_without_its_entries_is_told_as_missing(shop: Shop):
    """The demo's verdict can be a bad one: of an order that nobody placed, every entry is named as missing."""
    nowhere = Told("o-nowhere", "p-nowhere", "s-nowhere")
    missing = [each for story in read(Log(shop.api), nowhere) for each in story.missing]
    assert {"order.create.success", "payment.capture.success", "order.label.print.failed"} <= set(missing)
