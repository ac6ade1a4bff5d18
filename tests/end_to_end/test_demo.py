"""`make demo ARGS=--once`: every story is told, on the embedded default and on a real Elasticsearch."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.timeout(180)


def _run(**settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    variables = {f"OTEL_AUDIT_RECEIVER_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "examples.checkout.demo", "--once"]
    return subprocess.run(
        command, cwd=ROOT, env={**inherited, **variables}, capture_output=True, text=True, timeout=150
    )


def test_every_story_is_told_on_the_embedded_default():
    """Exit code 0 says that each expected entry was found, joined to its trace."""
    done = _run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every expected entry was found, joined to its trace" in done.stdout


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
    def search(query: dict[str, object]) -> list[dict[str, object]]:
        answer = httpx.post(
            f"{url}/logs-audit.events-{namespace}-*/_search", json={"query": query, "size": 50}, timeout=30
        )
        return [hit["_source"] for hit in answer.raise_for_status().json()["hits"]["hits"]]

    [captured] = search({"term": {"event.action": "payment.capture.success"}})
    assert captured["ecs"] == {"version": "8.11.0"}
    assert (
        captured["event"].items()
        >= {
            "kind": "event",
            "dataset": "audit.events",
            "outcome": "success",
            "severity": captured["event"]["severity"],
        }.items()
    )
    assert captured["log"]["level"] == "notice"
    assert captured["service"].items() >= {"name": "payment", "version": "1.0.0", "environment": "demo"}.items()
    assert captured["user"]["id"] == "u-ann"
    assert captured["source"]["ip"] == captured["client"]["ip"] == "203.0.113.7"
    assert captured["user_agent"]["original"] == "Mozilla/5.0 (demo; customer)"
    assert len(captured["trace"]["id"]) == 32
    assert len(captured["span"]["id"]) == 16
    audit = captured["audit"]
    assert audit["resource"]["type"] == "payment"
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
