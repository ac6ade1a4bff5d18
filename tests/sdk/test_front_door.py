"""The front door as services use it."""

import asyncio
import threading
from typing import Any

import pytest

import otel_audit
from otel_audit import _config
from otel_audit.testing import FIXED_NS, capture


def test_the_front_door_is_what_it_says():
    """Every name of ``__all__`` is there, sorted, and documented."""
    assert otel_audit.__all__ == sorted(otel_audit.__all__)
    assert all(getattr(otel_audit, name).__doc__ for name in otel_audit.__all__)


def test_what_is_bound_is_on_every_event():
    """The inner one wins, None takes back, and afterwards nothing is left."""
    with capture() as entries:
        with otel_audit.bind(user_id="u-1", ip_address="203.0.113.7", user_roles=["admin"]):
            with otel_audit.bind(user_id="u-2", ip_address=None, http_method="POST", path="/x", status_code=201):
                otel_audit.record("a.b.success")
            otel_audit.record("a.b.success")
        otel_audit.record("a.b.success")
    inner, outer, bare = entries
    assert (inner.user_id, inner.ip_address, inner.user_roles) == ("u-2", None, ("admin",))
    assert (inner.http_method, inner.path, inner.status_code) == ("POST", "/x", 201)
    assert (outer.user_id, outer.ip_address) == ("u-1", "203.0.113.7")
    assert (bare.user_id, bare.user_roles) == (None, ())


def test_bound_facts_follow_a_task_and_stay_out_of_threads():
    """Two requests served at once never mix their users."""

    async def serve(user: str) -> None:
        with otel_audit.bind(user_id=user):
            await asyncio.sleep(0.01)
            otel_audit.record("a.b.success")

    async def both() -> None:
        await asyncio.gather(serve("u-1"), serve("u-2"))

    with capture() as entries:
        asyncio.run(both())
        with otel_audit.bind(user_id="u-3"):
            thread = threading.Thread(target=otel_audit.record, args=("a.b.success",))
            thread.start()
            thread.join()
    assert sorted(str(entry.user_id) for entry in entries) == ["None", "u-1", "u-2"]


def test_a_record_says_everything_the_entry_knows():
    """Each keyword fills its field, states and bodies of any JSON."""
    with capture() as entries:
        recorded = otel_audit.record(
            "payment.capture.failed",
            ("payment", 17),
            before={"status": "authorized"},
            after=["x", None],
            outcome="unknown",
            reason="r",
            severity="critical",
            error_type="timeout",
            error_message="m",
            parent_event_id="0190b0c4-1111-7abc-8def-000000000000",
            request_body={"amount": 3},
            response_body="text",
            metadata={"order_id": "o-1", "nested": {"a": [1]}},
        )
    [entry] = entries
    assert (entry.event_id, entry.trace_id) == (recorded.event_id, recorded.trace_id)
    assert (entry.resource_type, entry.resource_id) == ("payment", "17")
    assert (entry.previous_state, entry.new_state) == ({"status": "authorized"}, ["x", None])
    assert (entry.outcome, entry.severity, entry.reason) == ("unknown", "critical", "r")
    assert (entry.error_type, entry.error_message) == ("timeout", "m")
    assert (entry.request_body, entry.response_body) == ({"amount": 3}, "text")
    assert entry.related[:3] == ("payment:17", "entry:0190b0c4-1111-7abc-8def-000000000000", "order:o-1")
    assert entry.timestamp == "2026-01-01T00:00:00.000000000Z"


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [(("",), {}), ((" ",), {}), ((None,), {}), (("a.b", "order"), {}), (("a.b",), {"user_name": "x"})],
)
def test_a_wrong_call_is_refused_at_the_call(arguments: tuple[Any, ...], keywords: dict[str, Any]):
    """An empty name, half a resource or an unknown field raises, and nothing leaves."""
    with capture() as entries, pytest.raises(otel_audit.InvalidEvent):
        otel_audit.record(*arguments, **keywords)
    assert entries == []


def test_a_change_tells_both_states():
    """States may be asked for at the beginning and at the end."""
    stock = {"stock": 50}
    with (
        capture() as entries,
        otel_audit.change("inventory.update", ("inventory_item", "s"), before=dict(stock)) as change,
    ):
        stock["stock"] = 35
        change.after = lambda: stock
        change.metadata["order_id"] = "o-1"
    [entry] = entries
    assert (entry.action, entry.previous_state, entry.new_state) == (
        "inventory.update.success",
        {"stock": 50},
        {"stock": 35},
    )
    assert entry.related == ("inventory_item:s", "order:o-1")
    assert change.recorded is not None
    assert change.recorded.event_id == entry.event_id


def test_a_change_that_fails_says_so_and_passes_the_error_on():
    """The failure is recorded with error type and message; the new state is not claimed."""

    def oversell() -> None:
        with otel_audit.change("inventory.update", ("inventory_item", "s"), before={"stock": 1}) as change:
            change.after = {"stock": -1}
            raise ValueError("too few")

    with capture() as entries, pytest.raises(ValueError, match="too few"):
        oversell()
    [entry] = entries
    assert (entry.action, entry.outcome) == ("inventory.update.failed", "failure")
    assert (entry.error_type, entry.error_message, entry.new_state) == ("ValueError", "too few", None)


def test_results_are_the_catalogues():
    """An action whose results are called otherwise keeps their names."""
    with capture() as entries:
        with otel_audit.change("order.refund", ("order", "o")):
            pass
        with pytest.raises(RuntimeError), otel_audit.change("order.cancel", ("order", "o")):
            raise RuntimeError
    assert [entry.action for entry in entries] == ["order.refund.processed", "order.cancel.rejected"]


def test_a_decorated_function_is_audited():
    """Resource and states come from arguments and result, for functions and coroutines alike."""

    @otel_audit.audited("product.update", lambda sku: ("product", sku), after=lambda result: result)
    def rename(sku: str, name: str) -> dict[str, str]:
        return {"name": name}

    @otel_audit.audited("product.delete", ("product", "all"))
    async def remove(sku: str) -> None:
        raise PermissionError(sku)

    with capture() as entries:
        assert rename("s-1", name="n") == {"name": "n"}
        with pytest.raises(PermissionError):
            asyncio.run(remove("s-1"))
    assert [entry.action for entry in entries] == ["product.update.success", "product.delete.failed"]
    assert (entries[0].resource_id, entries[0].new_state) == ("s-1", {"name": "n"})
    assert rename.__name__ == "rename"


def test_captured_events_are_repeatable():
    """Ids count and the clock stands still, so that a test can compare whole entries."""
    with capture() as first:
        otel_audit.record("a.b.success")
    with capture() as second:
        otel_audit.record("a.b.success")
    assert [entry.event_id for entry in first] == [entry.event_id for entry in second]
    assert first[0].timestamp == second[0].timestamp == "2026-01-01T00:00:00.000000000Z"
    assert FIXED_NS == 1_767_225_600_000_000_000


def test_wrong_settings_are_told_together():
    """Every problem is in the one error."""
    with pytest.raises(otel_audit.NotConfigured) as caught:
        otel_audit.configure(
            endpoint="ftp://x", protocol="smtp", guarantee="maybe", certificate="/absent", spill_dir=__file__
        )
    words = ("endpoint", "protocol", "guarantee", "certificate", "spill_dir")
    assert all(word in str(caught.value) for word in words)


def test_our_variables_win_over_opentelemetrys():
    """Each setting falls back to its OTLP twin, and a keyword wins over both."""
    otlp = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp:1", "OTEL_EXPORTER_OTLP_HEADERS": "a=b%20c,d=e"}
    assert _config.read(environ={}).endpoint == "http://127.0.0.1:4317"
    assert (
        _config.read(environ={"OTEL_AUDIT_PROTOCOL": "http/protobuf"}).url_of("/v1/traces")
        == "http://127.0.0.1:4318/v1/traces"
    )
    assert _config.read(environ=otlp).target == "otlp:1"
    assert _config.read(environ=otlp).secure
    assert _config.read(environ=otlp).headers == {"a": "b c", "d": "e"}
    assert _config.read(environ={**otlp, "OTEL_AUDIT_ENDPOINT": "http://ours:2"}).target == "ours:2"
    assert _config.read(environ=otlp, endpoint="http://mine:3").target == "mine:3"
