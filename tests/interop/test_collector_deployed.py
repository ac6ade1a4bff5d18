"""The Collector configurations that we hand out, each as it stands in ``deploy/collector/``."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_audit import wire
from tests.parts import backend as parts
from tests.parts import collector, receiver
from tests.parts.backend import AWAY, OK, Backend
from tests.parts.ports import free_ports
from tests.receiver.otlp.requests import CARRIER_SPAN, SERVER_SPAN, event, request, server_span, span

pytestmark = [pytest.mark.interop, pytest.mark.timeout(1700)]

DEPLOY = Path(__file__).parents[2] / "deploy" / "collector"
COUNT = 50
PLAIN = {"SAMPLED_PERCENT": "0", "DECISION_WAIT": "1s", "OTEL_AUDIT_INSECURE": "true", "BACKEND_INSECURE": "true"}


def deployed(
    name: str, variables: Mapping[str, str], ports: list[int] | None = None
) -> AbstractContextManager[tuple[str, str]]:
    """A real Collector with one of our configurations, without TLS, nothing sampled by chance."""
    config = (DEPLOY / f"{name}.yaml").read_text()
    return collector.running(config, ports or (), {**PLAIN, **variables})


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def audited(number: int) -> ExportTraceServiceRequest:
    """A trace of a stock SDK: two spans, an audit event and another one on the inner."""
    own = event(f"order.{number}.success", audit__reason="x")
    plain = event("cache.miss", key="k")
    return request(_root(number), span(own, plain, trace_id=trace_id(number)))


def carried(number: int) -> ExportTraceServiceRequest:
    """A carrier."""
    own = event(f"carried.{number}.success", audit__reason="x")
    return request(span(own, span_id=CARRIER_SPAN, trace_id=trace_id(number)), scope=wire.SCOPE)


def plain(number: int) -> ExportTraceServiceRequest:
    """A trace with nothing to audit."""
    return request(_root(number), span(event("cache.miss", key="k"), trace_id=trace_id(number)))


def _root(number: int) -> Span:
    root = server_span()
    root.trace_id = trace_id(number)
    return root


def failed(number: int) -> ExportTraceServiceRequest:
    """An audited trace that ended in an error."""
    whole = audited(number)
    whole.resource_spans[0].scope_spans[0].spans[0].status.code = Status.STATUS_CODE_ERROR
    return whole


def send(http: str, *requests: ExportTraceServiceRequest) -> None:
    """Each is taken."""
    with httpx.Client(headers={"content-type": "application/x-protobuf"}, timeout=20) as client:
        for each in requests:
            client.post(f"http://{http}/v1/traces", content=each.SerializeToString()).raise_for_status()


def spans(backend: Backend) -> list[tuple[str, Span]]:
    """What a backend took: scope names and spans."""
    return [
        (scope.scope.name, each)
        for body in backend.taken
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for each in scope.spans
    ]


def actions(running: receiver.Receiver, count: int) -> list[str]:
    """The actions of all entries, once there are so many."""
    answer = running.eventually("/api/v1/entries", lambda found: found["total"]["value"] >= count, 60, limit=1000)
    return sorted(entry["action"] for entry in answer["entries"])


def wholly_there(running: receiver.Receiver, number: int) -> None:
    """Both spans of an audited trace are joined with its entry."""
    path = f"/api/v1/traces/{trace_id(number).hex()}"
    found = running.eventually(path, lambda answer: len(answer["spans"]) == 2, 60)
    assert {each["span_id"] for each in found["spans"]} == {SERVER_SPAN.hex(), span().span_id.hex()}
    assert f"order.{number}.success" in {each["action"] for each in found["entries"]}


ORDERS = sorted(f"order.{number}.success" for number in range(1, COUNT + 1))
CARRIED = sorted(f"carried.{number}.success" for number in range(1, COUNT + 1))


def test_in_front_it_keeps_what_the_receiver_cannot_take_yet(tmp_path: Path):
    """Taken while there was no receiver, kept on disk through the Collector's own end, and stored once."""
    grpc, http, api = free_ports(3)
    ports = {"OTLP__GRPC": f"127.0.0.1:{grpc}", "OTLP__HTTP": f"127.0.0.1:{http}", "API__LISTEN": f"127.0.0.1:{api}"}
    variables = {"OTEL_AUDIT_ENDPOINT": f"127.0.0.1:{grpc}", "COLLECTOR_DIR": str(tmp_path / "queue")}
    with deployed("in-front", variables) as (_, into):
        send(into, *(audited(number) for number in range(1, COUNT + 1)))
    with receiver.running(tmp_path / "data", ports) as running, deployed("in-front", variables) as (_, into):
        assert actions(running, COUNT) == ORDERS
        send(into, *(carried(number) for number in range(1, COUNT + 1)))
        assert actions(running, 2 * COUNT) == sorted(ORDERS + CARRIED)
        wholly_there(running, 7)


def test_fanned_out_the_receiver_gets_all_and_the_backend_its_share(tmp_path: Path):
    """Sampling and an absent backend cost no entry; then the backend gets the sampled traces, without carriers."""
    with parts.running("grpc") as backend, receiver.running(tmp_path / "data") as running:
        backend.answer = lambda _: AWAY
        variables = {
            "OTEL_AUDIT_ENDPOINT": running.grpc,
            "BACKEND_ENDPOINT": backend.endpoint.removeprefix("http://"),
            "COLLECTOR_DIR": str(tmp_path / "queue"),
        }
        with deployed("fan-out", variables) as (_, into):
            send(into, failed(1), *(audited(number) for number in range(2, COUNT + 1)))
            send(into, *(carried(number) for number in range(1, COUNT + 1)))
            assert actions(running, 2 * COUNT) == sorted(ORDERS + CARRIED)
            backend.eventually(lambda its: its.requests)
            assert backend.taken == []
            backend.answer = lambda _: OK
            backend.eventually(lambda its: len(spans(its)) >= 2)
    assert {(scope, each.trace_id) for scope, each in spans(backend)} == {("app", trace_id(1))}


def test_behind_it_keeps_audited_traces_whole(tmp_path: Path):
    """What the receiver forwards is sampled by what it shows: traces with an audit event stay, carriers never come."""
    with ExitStack() as opened:
        backend = opened.enter_context(parts.running("grpc"))
        grpc, _ = opened.enter_context(
            deployed("behind", {"BACKEND_ENDPOINT": backend.endpoint.removeprefix("http://")})
        )
        to = json.dumps([{"endpoint": f"http://{grpc}"}])
        running = opened.enter_context(receiver.running(tmp_path / "data", {"FORWARD": to}))
        into = running.http.removeprefix("http://")
        send(into, *(plain(number) for number in range(1000, 1000 + COUNT)))
        send(into, *(make(number) for number in range(1, COUNT + 1) for make in (audited, carried)))
        assert actions(running, 2 * COUNT) == sorted(ORDERS + CARRIED)
        backend.eventually(lambda its: len(spans(its)) >= 2 * COUNT, 60)
        assert {scope for scope, _ in spans(backend)} == {"app"}
        assert {each.trace_id for _, each in spans(backend)} == {trace_id(n) for n in range(1, COUNT + 1)}


def test_tail_sampling_in_front_costs_no_audit_event(tmp_path: Path):
    """Audit events wait for no decision and reach the receiver once; so do the whole traces, and no others."""
    with receiver.running(tmp_path / "data", {"TRACES__KEEP": "all"}) as running:
        variables = {"OTEL_AUDIT_ENDPOINT": running.grpc, "COLLECTOR_DIR": str(tmp_path / "queue")}
        sent = [make(number) for number in range(1, COUNT + 1) for make in (audited, carried)]
        with deployed("tail-sampling", {**variables, "DECISION_WAIT": "1h"}) as (_, into):
            send(into, *sent[:COUNT])
            assert len(actions(running, COUNT)) == COUNT
        with deployed("tail-sampling", variables) as (_, into):
            send(into, *(plain(number) for number in range(1000, 1000 + COUNT)), *sent)
            assert actions(running, 2 * COUNT) == sorted(ORDERS + CARRIED)
            wholly_there(running, COUNT)
            assert httpx.get(f"{running.api}/api/v1/traces/{trace_id(1000).hex()}").status_code == 404
        assert actions(running, 2 * COUNT) == sorted(ORDERS + CARRIED)
