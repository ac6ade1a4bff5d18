"""What an answer costs beside the plain queries it needs, with a long past behind it.

Both sides are asked by one client, in turn. Run by ``make bench ONLY=correlate``; ``--entries`` chooses a shorter past.
"""

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import uvicorn
from elasticsearch import Elasticsearch

from bench import report
from bench.corpus import BUSY, CHANGES, USERS, Corpus
from bench.rounds import Ratios
from bench.stop import Stop
from receiver.api.params import write_cursor
from receiver.clock import now_ns
from receiver.config import Settings
from receiver.index import elastic_query, sqlite_query
from receiver.index.query import Position, Query
from receiver.index.sqlite_tables import FILE as INDEX
from receiver.index.template import pattern_of
from receiver.sqlite import open_reader
from receiver.traces.sqlite import FILE as SPANS
from tests.parts import elasticsearch, receiver
from tests.receiver.index.elastic_server import namespace

ENTRIES = 2_000_000
ROUNDS, ASKED_EACH = 5, 200
PAGE = 100
DEEP_PAGE = 1_000
NAMESPACE = "correlate"

Ask = Callable[[], object]
Plain = Callable[[Query], object]


def main() -> None:
    """Both backends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    options = parser.parse_args()
    corpus = Corpus(options.entries, now_ns())
    report.run("correlate", lambda: [*_on_sqlite(corpus), *_on_elasticsearch(corpus)])


def _on_sqlite(corpus: Corpus) -> list[Ratios]:
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch) / "data"
        corpus.write(Settings(data_dir=data_dir))
        with (
            _answering(data_dir, {}) as client,
            closing(open_reader(data_dir / INDEX)) as index,
            closing(open_reader(data_dir / SPANS)) as spans,
        ):

            def plain(query: Query) -> object:
                return index.execute(*sqlite_query.page(query)).fetchall()

            def plain_trace(query: Query) -> object:
                asked = "SELECT stored FROM span WHERE trace_id = ? AND tenant = ?"
                return plain(query), spans.execute(asked, (query.trace_id, query.tenant)).fetchall()

            return list(_compared("SQLite", corpus, client, plain, plain_trace, from_memory=True))


def _on_elasticsearch(corpus: Corpus) -> list[Ratios]:
    with tempfile.TemporaryDirectory() as scratch, elasticsearch.running("2g") as url:
        data_dir = Path(scratch) / "data"
        settings = {"url": url, "namespace": NAMESPACE}
        corpus.write(Settings(data_dir=data_dir, index=settings))
        with namespace(url, NAMESPACE) as space:
            variables = {f"INDEX__{name.upper()}": value for name, value in settings.items()}
            with _answering(data_dir, variables) as client:
                plain, plain_trace = _plain_searches(space.client)
                return list(_compared("Elasticsearch", corpus, client, plain, plain_trace, from_memory=False))


def _plain_searches(client: Elasticsearch) -> tuple[Plain, Plain]:
    entries, spans = pattern_of(NAMESPACE, "default"), f"traces-audit.spans-{NAMESPACE}-*"

    def plain(query: Query) -> object:
        return client.search(index=entries, **elastic_query.search_body(query))

    def plain_trace(query: Query) -> object:
        asked = {"bool": {"filter": [{"term": {"trace.id": query.trace_id}}, {"term": {"audit.tenant": query.tenant}}]}}
        return plain(query), client.search(index=spans, query=asked, size=1000, sort=["audit.start_ns"])

    return plain, plain_trace


@contextmanager
def _answering(data_dir: Path, settings: dict[str, str]) -> Iterator[httpx.Client]:
    """A whole receiver over what was written, and a client of its API."""
    with receiver.running(data_dir, settings) as running, httpx.Client(base_url=f"{running.api}/api/v1") as client:
        yield client


def _compared(
    where: str, corpus: Corpus, client: httpx.Client, plain: Plain, plain_trace: Plain, *, from_memory: bool
) -> Iterator[Ratios]:
    chance = random.Random(corpus.entries)

    def trace() -> tuple[str, Query]:
        trace_id = corpus.trace_id(chance.randrange(corpus.traces))
        return f"/traces/{trace_id}", Query(trace_id=trace_id, order="asc", limit=1000, with_own=True)

    def page() -> tuple[str, Query]:
        user = f"u-{chance.randrange(USERS)}"
        return f"/entries?user_id={user}&limit={PAGE}", Query(user_id=user, limit=PAGE)

    bar = 1.5 if from_memory else 2.0
    yield _against_plain(f"{where}: a trace", client, trace, plain_trace, 1.5, from_memory)
    yield _against_plain(f"{where}: a filtered first page", client, page, plain, bar, from_memory)
    yield _deep(f"{where}: page {DEEP_PAGE} against page 1", corpus, client)
    yield _history(f"{where}: a history of {CHANGES:,} changes", client, plain)


def _against_plain(
    what: str,
    client: httpx.Client,
    draw: Callable[[], tuple[str, Query]],
    plain: Plain,
    bar: float,
    from_memory: bool,
) -> Ratios:
    """The 99th percentiles of both, round by round; where asked, the plain side serves the same bytes, too."""
    body = _whole(client, draw()[0])
    with _serving(body) if from_memory else httpx.Client() as memory:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            took: list[tuple[float, float]] = []
            for _ in range(ASKED_EACH):
                path, query = draw()
                took.append(
                    (
                        _timed(lambda path=path: _whole(client, path)),  # type: ignore[misc]
                        _timed(lambda query=query: plain(query))  # type: ignore[misc]
                        + (_timed(lambda: memory.get("/")) if from_memory else 0.0),
                    )
                )
            ours.append(_p99([each for each, _ in took]))
            theirs.append(_p99([each for _, each in took]))
    return Ratios(f"{what}, p99", "ms", ours, theirs, floor=bar, goal=bar, better="less")


def _deep(what: str, corpus: Corpus, client: httpx.Client) -> Ratios:
    """Pages of one walk through everything: the first, and a far one by its cursor."""
    first = _whole(client, f"/entries?limit={PAGE}")
    if corpus.entries < PAGE * (DEEP_PAGE + 1):
        raise Stop(f"page {DEEP_PAGE} needs {PAGE * (DEEP_PAGE + 1):,} entries")
    far = _position(corpus, PAGE * (DEEP_PAGE - 1))
    cursor = write_cursor(Query(limit=PAGE), far)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        pairs = [
            (
                _timed(lambda: _whole(client, f"/entries?limit={PAGE}&cursor={cursor}")),
                _timed(lambda: _whole(client, f"/entries?limit={PAGE}")),
            )
            for _ in range(ASKED_EACH // 4)
        ]
        ours.append(_median([each for each, _ in pairs]))
        theirs.append(_median([each for _, each in pairs]))
    if len(first) < PAGE:
        raise Stop("the first page is not full")
    return Ratios(what, "ms", ours, theirs, floor=1.2, goal=1.2, better="less")


def _position(corpus: Corpus, before: int) -> Position:
    """Behind about so many of the youngest entries."""
    number = corpus.traces - max(0, before - CHANGES) // 4
    return Position(corpus.trace_ns(number), "00000000-0000-0000-0000-000000000000")


def _history(what: str, client: httpx.Client, plain: Plain) -> Ratios:
    query = Query(resource_type=BUSY[0], resource_id=BUSY[1], order="asc", limit=CHANGES - 1, with_own=True)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_timed(lambda: _whole(client, f"/resources/{BUSY[0]}/{BUSY[1]}/history")))
        theirs.append(_timed(lambda: plain(query)))
    return Ratios(what, "ms", ours, theirs, floor=3, goal=3, better="less")


@contextmanager
def _serving(body: bytes) -> Iterator[httpx.Client]:
    """An API call that answers *body* from memory: what HTTP itself costs."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def _whole(client: httpx.Client, path: str) -> bytes:
    answer = client.get(path, timeout=120)
    if answer.status_code != 200:
        raise Stop(f"{path} answers {answer.status_code}: {answer.text[:300]}")
    return answer.content


def _timed(ask: Ask) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def _p99(figures: Sequence[float]) -> float:
    return quantiles(figures, n=100, method="inclusive")[98]


def _median(figures: Sequence[float]) -> float:
    return sorted(figures)[len(figures) // 2]


if __name__ == "__main__":
    main()
