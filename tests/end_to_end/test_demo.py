"""`make demo ARGS=--once`: every story is told, on the embedded default and on a real Elasticsearch."""

import os
import re
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.timeout(180)


COMMAND = [sys.executable, "-m", "examples.checkout.demo"]
SERVING = re.compile(r"serving: shop (\S+) +API (\S+)/api/v1/entries")


def _environment(settings: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return {**inherited, **{f"OTEL_AUDIT_RECEIVER_{name}": value for name, value in settings.items()}}


def _run(**settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--once"], cwd=ROOT, env=_environment(settings), capture_output=True, text=True, timeout=150
    )


def test_every_story_is_told_on_the_embedded_default():
    """Exit code 0 says that each expected entry was found, joined to its trace."""
    done = _run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every expected entry was found, joined to its trace" in done.stdout


def test_a_taken_port_is_told_in_one_line():
    """Who finds the port taken learns which one, and how to take another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _run(API__LISTEN=address)
    [_, told] = done.stdout.splitlines()
    assert done.returncode == 1
    assert address in told
    assert "OTEL_AUDIT_RECEIVER_API__LISTEN=127.0.0.1:0" in told


def test_nothing_is_left_behind_when_the_demo_is_told_to_end(tmp_path: Path):
    """Serving until SIGTERM, then the shop and the API are gone, and the data stands where it was asked for."""
    free = dict.fromkeys(("OTLP__GRPC", "OTLP__HTTP", "API__LISTEN"), "127.0.0.1:0")
    environment = {**_environment({**free, "DATA_DIR": str(tmp_path / "data")}), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        try:
            lines = iter(demo.stdout or ())
            shop, api = next(found for line in lines if (found := SERVING.search(line))).groups()
            assert httpx.get(f"{api}/readyz").status_code == httpx.get(f"{shop}/healthz").status_code == 200
        finally:
            demo.terminate()
        assert demo.wait(60) == 0
    for url in (shop, api):
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
    assert (tmp_path / "data" / "journal.db").exists()


def test_every_story_is_told_on_elasticsearch(elasticsearch_url: str):
    """The same with entries and spans in Elasticsearch, whose documents carry the ECS names."""
    namespace = f"demo{uuid.uuid4().hex[:8]}"
    try:
        done = _run(INDEX__URL=elasticsearch_url, INDEX__NAMESPACE=namespace)
        assert done.returncode == 0, done.stdout + done.stderr
        _check_documents(elasticsearch_url, namespace)
    finally:
        _clean(elasticsearch_url, namespace)


def _check_documents(url: str, namespace: str) -> None:
    def search(query: dict[str, Any], indices: str = "logs-audit.events") -> list[dict[str, Any]]:
        answer = httpx.post(f"{url}/{indices}-{namespace}-*/_search", json={"query": query, "size": 50}, timeout=30)
        return [hit["_source"] for hit in answer.raise_for_status().json()["hits"]["hits"]]

    [captured] = search({"term": {"event.action": "payment.capture.success"}})
    assert captured["ecs"] == {"version": "8.11.0"}
    named = {"kind": "event", "dataset": "audit.events", "outcome": "success", "category": ["web"]}
    assert captured["event"].items() >= named.items()
    assert captured["log"]["level"] == "notice"
    assert captured["service"].items() >= {"name": "payment", "version": "1.0.0", "environment": "demo"}.items()
    assert captured["user"]["id"] == "u-ann"
    assert captured["source"]["ip"] == captured["client"]["ip"] == "203.0.113.7"
    assert captured["user_agent"]["original"] == "Mozilla/5.0 (demo; customer)"
    of_trace = search({"term": {"trace.id": captured["trace"]["id"]}}, "traces-audit.spans")
    assert captured["span"]["id"] in {span["span"]["id"] for span in of_trace}
    audit = captured["audit"]
    assert audit["resource"]["type"] == "payment"
    assert f"payment:{audit['resource']['id']}" in audit["related"]
    assert audit["amount"] == 25.0
    assert audit["currency"] == "EUR"
    [order] = [key for key in audit["related"] if key.startswith("order:")]
    related = {str(hit["event"]["action"]) for hit in search({"term": {"audit.related": order}})}
    assert {"order.create.success", "inventory.update.success", "shipping.label.create.success"} <= related
    [label] = search({"term": {"error.type": "printer_offline"}})
    assert label["event"]["action"] == "order.label.print.failed"
    by_address = search({"term": {"source.ip": "198.51.100.0/24"}})
    assert {hit["user"]["id"] for hit in by_address} == {"u-bob"}


def _clean(url: str, namespace: str) -> None:
    with httpx.Client(base_url=url, timeout=30) as server:
        for pattern in (
            f"logs-audit.events-{namespace}-*",
            f"traces-audit.spans-{namespace}-*",
            f"audit-cursors-{namespace}",
        ):
            for index in server.get(f"/_cat/indices/{pattern}", params={"format": "json", "h": "index"}).json():
                server.delete(f"/{index['index']}").raise_for_status()
        for name in (f"logs-audit.events-{namespace}", f"traces-audit.spans-{namespace}"):
            server.delete(f"/_index_template/{name}")
            server.delete(f"/_component_template/{name}@*")
