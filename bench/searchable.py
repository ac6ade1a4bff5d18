"""One Elasticsearch, and three ways for audit events into it: ours, Jaeger's, and bodies that are ready-made."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx
import orjson

from bench import load
from bench.load import Run
from bench.side import Side, children, ours
from bench.stop import Stop
from receiver.config import Index
from receiver.elastic import Item, batches, connect
from receiver.index.document import document_of
from receiver.index.elastic_indices import Indices
from receiver.index.template import index_of
from receiver.otlp.events import span_events
from receiver.otlp.extract import Reception, extract
from receiver.row import Row, entry_of
from tests.parts import elasticsearch, jaeger

#: Events a request; each stands on a span of its own, as carriers do.
EVENTS_A_REQUEST = 500
#: Requests that are under way at once: of OTLP, and of ready-made bodies.
OTLP_IN_FLIGHT, BULK_IN_FLIGHT = 4, 3
PARTITION = "2026.11"
_SEARCHABLE_MAX_S = 240


@dataclass(frozen=True)
class Way:
    """How events come in: what *prepare* returns sends them; and the indices they stand in, a document each."""

    name: str
    prepare: Callable[[Run], Callable[[], object]]
    indices: str


class Server:
    """The Elasticsearch all share."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=120)

    def count(self, indices: str) -> int:
        """The events that a search finds now, but for what a receiver says of itself."""
        self._client.post(f"/{indices}/_refresh", params={"ignore_unavailable": "true"}).raise_for_status()
        others = {"ignore_unavailable": "true", "q": "NOT event.action:audit.*"}
        answer = self._client.get(f"/{indices}/_count", params=others)
        return int(answer.raise_for_status().json()["count"])

    def bytes_a_document(self, indices: str) -> float:
        """On disk, when each of *indices* is one segment."""
        self._client.post(f"/{indices}/_forcemerge", params={"max_num_segments": "1"}).raise_for_status()
        self._client.post(f"/{indices}/_refresh").raise_for_status()
        self._client.post(f"/{indices}/_flush").raise_for_status()
        kept = self._client.get(f"/{indices}/_stats/store").raise_for_status().json()["_all"]["primaries"]
        # Not by the index's own count: Lucene counts each tag of a span as a document.
        return float(kept["store"]["size_in_bytes"] / self.count(indices))

    def until_searchable(self, way: Way, run: Run) -> float:
        """Send *run*; events a second until the last is found. Stop when not exactly as many are."""
        before, send = self.count(way.indices), way.prepare(run)
        began = time.perf_counter()
        send()
        while (found := self.count(way.indices) - before) < run.all_events:
            if time.perf_counter() - began > _SEARCHABLE_MAX_S:
                raise Stop(f"{way.name}: of {run.all_events} events {found} are searchable")
            time.sleep(0.1)
        seconds = time.perf_counter() - began
        if found != run.all_events:
            raise Stop(f"{way.name}: {run.all_events} events became {found} documents")
        return run.all_events / seconds


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A fresh one."""
    with elasticsearch.running("1g") as url:
        yield Server(url)


@contextlib.contextmanager
def through_ours(server: Server) -> Iterator[Way]:
    """OTLP ▶ journal ▶ index follower; no spans are kept."""
    with ours("otel-audit", {"INDEX__URL": server.url, "TRACES__KEEP": "none"}) as side:
        yield Way(side.name, _over_otlp(side), index_of("default", "default", "*"))


@contextlib.contextmanager
def through_jaeger(server: Server) -> Iterator[Way]:
    """OTLP ▶ batch ▶ Jaeger's storage exporter: a document for each span, its event inside."""
    before = children()
    with jaeger.running(server.url) as running:
        side = Side("Jaeger", running.grpc, {"jaeger": next(iter(children() - before))})
        yield Way(side.name, _over_otlp(side), "jaeger-span-*")


@contextlib.contextmanager
def ready_made(server: Server, namespace: str = "ready") -> Iterator[Way]:
    """``_bulk`` alone, fed with the documents that ours makes: what the server itself can take."""
    with contextlib.closing(connect(Index(url=server.url))) as client:
        index = index_of(namespace, "default", PARTITION)
        Indices(client, namespace).make({index})
        yield Way("_bulk", lambda run: partial(_post, server.url, _bodies(run, index)), index)


def run_of(events: int) -> Run:
    """So many events."""
    return Run(events // EVENTS_A_REQUEST, EVENTS_A_REQUEST, 1)


def _over_otlp(side: Side) -> Callable[[Run], Callable[[], object]]:
    return lambda run: partial(load.send, side.endpoint, run, OTLP_IN_FLIGHT)


def _bodies(run: Run, index: str) -> list[bytes]:
    """Bulk bodies with the documents of *run*'s entries."""
    reception = Reception(time.time_ns(), peer="127.0.0.1")
    items = []
    for number in range(run.requests):
        for place, draft in enumerate(extract(span_events(run.body(number)), reception).entries):
            at = number * EVENTS_A_REQUEST + place
            row = Row(at + 1, "entry", draft.tenant, draft.event_id, at, draft.values, draft.seen, False, 1)
            action = orjson.dumps({"create": {"_index": index, "_id": draft.event_id}})
            items.append(Item(action, orjson.dumps(document_of(entry_of(row, "otel-audit/000000000000")))))
    return [b"".join(line + b"\n" for item in batch for line in item) for batch in batches(items)]


def _post(url: str, bodies: Sequence[bytes]) -> None:
    headers = {"content-type": "application/x-ndjson"}
    with httpx.Client(base_url=url, timeout=120) as client, ThreadPoolExecutor(BULK_IN_FLIGHT) as senders:

        def post(body: bytes) -> None:
            answer = client.post("/_bulk", content=body, headers=headers, params={"filter_path": "errors"})
            if answer.raise_for_status().json()["errors"]:
                raise Stop("_bulk refused a ready-made document")

        list(senders.map(post, bodies))
