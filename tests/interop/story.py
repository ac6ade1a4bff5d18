"""What a stock service tells in any language, and what must be found of it."""

from tests.parts.receiver import Receiver


def endpoint(running: Receiver, protocol: str) -> str:
    """Where the service sends by *protocol*: ``grpc``, ``proto`` or ``json``."""
    return f"http://{running.grpc}" if protocol == "grpc" else running.http


def holds(running: Receiver, service: str, trace_id: str) -> None:
    """The request's span event and its log record are entries of one trace, each with all it said."""
    by_action = {
        entry["action"]: entry
        for entry in running.eventually(
            "/api/v1/entries", lambda answer: len(answer["entries"]) == 2, resource_type="order", resource_id="o-1"
        )["entries"]
    }
    created, confirmed = by_action["order.create.success"], by_action["order.confirm.failed"]
    assert {entry["trace_id"] for entry in (created, confirmed)} == {trace_id}
    assert {entry["service_name"] for entry in (created, confirmed)} == {service}
    assert (created["outcome"], confirmed["outcome"]) == ("success", "failure")
    assert (created["http_method"], created["path"], created["status_code"]) == ("POST", "/orders", 201)
    assert created["ip_address"] == "203.0.113.7"
    assert confirmed["span_id"] == created["span_id"]
    assert confirmed["metadata"]["body"] == {"attempt": 2, "reasons": ["stock"]}
    trace = running.eventually(f"/api/v1/traces/{trace_id}", lambda answer: answer["spans"])
    assert set(trace["spans"][0]["entries"]) == {created["event_id"], confirmed["event_id"]}
