"""Two receivers on one Elasticsearch: each event once, each trace whole, whatever goes to whom and who dies."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_audit import wire
from receiver.clock import DAY_NS
from receiver.journal import JournalReader
from receiver.metrics import read_states
from tests.parts.ports import free_ports
from tests.parts.receiver import Receiver, running
from tests.receiver.index.elastic_server import Namespace, namespace
from tests.receiver.otlp.requests import CARRIER_SPAN, INNER_SPAN, NOON, TRACE, event, request, server_span, span

PROTOBUF = {"content-type": "application/x-protobuf"}
EVENTS_EACH = 5
BATCHES = 60
STRANGER = b"\7" * 16
OTHER_TRACE = b"\3" * 16


def on(shared: Namespace) -> dict[str, str]:
    """One index for all; spans wait a second for an entry of theirs."""
    return {"INDEX__URL": str(shared.settings.url), "INDEX__NAMESPACE": shared.name, "TRACES__WAIT_S": "1"}


@pytest.fixture
def settings(elasticsearch_url: str) -> Iterator[dict[str, str]]:
    with namespace(elasticsearch_url) as fresh:
        yield on(fresh)


@pytest.fixture(scope="module")
def pair(elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, Receiver]]:
    """Two receivers that share an index."""
    path = tmp_path_factory.mktemp("pair")
    with (
        namespace(elasticsearch_url) as shared,
        running(path / "one", on(shared)) as one,
        running(path / "two", on(shared)) as two,
    ):
        yield one, two


def event_id(number: int) -> str:
    return f"0199f000-0000-7000-8000-{number:012x}"


def send(receiver: Receiver, body: ExportTraceServiceRequest) -> None:
    answer = httpx.post(f"{receiver.http}/v1/traces", content=body.SerializeToString(), headers=PROTOBUF, timeout=10)
    answer.raise_for_status()


class Sender(threading.Thread):
    """Sends the same numbered events as every other one, each until it is acknowledged at this address."""

    def __init__(self, address: str) -> None:
        super().__init__(name=f"to-{address}")
        self._url = f"http://{address}/v1/traces"
        self.acknowledged = 0

    def run(self) -> None:
        for first in range(0, BATCHES * EVENTS_EACH, EVENTS_EACH):
            numbers = range(first, first + EVENTS_EACH)
            body = request(span(*(event(audit__record__id=event_id(number)) for number in numbers)))
            while not self._acknowledged(body.SerializeToString()):
                time.sleep(0.05)
            self.acknowledged += EVENTS_EACH

    def _acknowledged(self, body: bytes) -> bool:
        try:
            return httpx.post(self._url, content=body, headers=PROTOBUF, timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def kill(receiver: Receiver) -> None:
    """The whole group, as when the machine goes."""
    for pid in (receiver.pid, *(state["pid"] for state in read_states(receiver.data_dir).values())):
        os.kill(pid, signal.SIGKILL)


def caught_up(receiver: Receiver) -> None:
    """Return when every row of its journal is in the index."""
    with closing(JournalReader.open(receiver.data_dir)) as reader:
        last = reader.last_seq()
    deadline = time.monotonic() + 30
    while (state := read_states(receiver.data_dir).get("follow", {})).get("index", {}).get("position", 0) < last:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def ids(receiver: Receiver) -> list[str]:
    answer = receiver.get("/api/v1/entries", limit=1000)
    return sorted(each["event_id"] for each in answer["entries"])


def test_the_same_events_to_both_are_there_once(tmp_path: Path, settings: dict[str, str]) -> None:
    """One of the two dies on the way and comes back; both then answer alike, each event once."""
    ports = [f"127.0.0.1:{port}" for port in free_ports(2)]
    one, two = ({**settings, "OTLP__HTTP": port} for port in ports)
    senders = [Sender(port) for port in ports]
    with running(tmp_path / "two", two) as second:
        with running(tmp_path / "one", one) as first:
            for sender in senders:
                sender.start()
            while senders[0].acknowledged < BATCHES * EVENTS_EACH // 3:
                time.sleep(0.01)
            kill(first)
        with running(tmp_path / "one", one) as first:
            for sender in senders:
                sender.join()
            for receiver in (first, second):
                caught_up(receiver)
            expected = [event_id(number) for number in range(BATCHES * EVENTS_EACH)]
            assert ids(first) == ids(second) == expected
            states = [read_states(receiver.data_dir)["accept"] for receiver in (first, second)]
            assert [state["quarantined"] for state in states] == [0, 0]


def test_spans_to_one_and_entries_to_the_other_are_one_trace(pair: tuple[Receiver, Receiver]) -> None:
    """The receiver that has the spans learns of the entry from the index, keeps them, and tells it what they show."""
    one, two = pair
    carrier = span(event(audit__record__id=event_id(1)), span_id=CARRIER_SPAN, parent=INNER_SPAN)
    send(two, request(server_span(http__request__method="PUT", url__path="/stock/7"), span()))
    send(two, request(span(trace_id=STRANGER)))
    send(one, request(carrier, scope=wire.SCOPE))

    def whole(answer: Any) -> bool:
        return len(answer["spans"]) == 2 and answer["entries"][0]["http_method"] == "PUT"

    for receiver in pair:
        answer = receiver.eventually(f"/api/v1/traces/{TRACE.hex()}", whole)
        assert answer["complete"]
        (entry,) = answer["entries"]
        assert (entry["path"], entry["span_name"]) == ("/stock/7", "work")
        assert {"http_method", "path", "span_name"} <= set(entry["seen"])
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        two.get(f"/api/v1/traces/{STRANGER.hex()}")


@pytest.mark.parametrize("days", [0, 40], ids=["same-partition", "another-partition"])
def test_of_two_events_with_one_id_both_are_kept(pair: tuple[Receiver, Receiver], days: int) -> None:
    """The first is what both receivers show; the second is in its journal, as quarantined, with where the first is."""
    one, two = pair
    name = event_id(1000 + days)
    send(one, request(span(event(audit__record__id=name, audit__reason="first"), trace_id=OTHER_TRACE)))
    caught_up(one)
    time_ns = NOON - days * DAY_NS
    later = event(time_ns=time_ns, audit__record__id=name, audit__reason="second")
    send(two, request(span(later, trace_id=OTHER_TRACE)))
    (kept,) = quarantined(two, name)
    assert kept["said"]["reason"] == "second"
    assert kept["other"]["log"] == read_states(one.data_dir)["accept"]["log"]
    caught_up(two)
    for receiver in pair:
        assert receiver.get(f"/api/v1/entries/{name}")["reason"] == "first"
        assert ids(receiver).count(name) == 1


def quarantined(receiver: Receiver, name: str) -> list[Any]:
    """What its journal holds of the event beside entries, once there is something."""
    deadline = time.monotonic() + 20
    while True:
        with closing(JournalReader.open(receiver.data_dir)) as reader:
            rows = [row for row in reader.read(0, 1 << 30) if (row.kind, row.event_id) == ("quarantined", name)]
        if rows:
            return [orjson.loads(row.values) for row in rows]
        assert time.monotonic() < deadline, read_states(receiver.data_dir).get("follow")
        time.sleep(0.05)
