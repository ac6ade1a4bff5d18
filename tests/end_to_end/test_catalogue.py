"""Every event of the catalogue, from its constructor to where people search."""

import json
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from otel_audit.catalog import GROUPS, Action, write
from tests.end_to_end.far_side import environment, run
from tests.parts.receiver import running
from tests.receiver.index.elastic_server import namespace

EVERY = [(group, action, result) for group in GROUPS for action in GROUPS[group] for result in action.results]
CALLS = "\n".join(f"otel_audit.record({write.example(*each)})" for each in EVERY)
SERVICE = (
    f"import otel_audit\nfrom otel_audit import catalog\notel_audit.configure()\n{CALLS}\nassert otel_audit.flush(60)"
)


@pytest.mark.parametrize("index", ["sqlite", "elasticsearch"])
def test_every_event_is_found_with_its_ecs_fields(index: str, tmp_path: Path, elasticsearch_url: str) -> None:
    """Once, under its name, with outcome, severity and resource; in Elasticsearch with ECS category and type."""
    with namespace(elasticsearch_url, f"catalogue{index}") as space:
        url = {"sqlite": "sqlite", "elasticsearch": elasticsearch_url}[index]
        with running(tmp_path / "data", {"INDEX__URL": url, "INDEX__NAMESPACE": space.name}) as receiver:
            run(SERVICE, environment(receiver, tmp_path / "spill"))
            found = receiver.eventually(
                "/api/v1/entries", lambda answer: answer["total"]["value"] == len(EVERY), limit=1000
            )["entries"]
        by_action = {entry["action"]: entry for entry in found}
        assert len(by_action) == len(EVERY)
        for _, action, result in EVERY:
            _is_told(by_action[f"{action.key}.{result}"], action, result)
        if index == "elasticsearch":
            _stand_in_ecs(space.client, space.name)


def _is_told(entry: dict[str, object], action: Action, result: str) -> None:
    assert entry["outcome"] == action.outcome_of(result)
    assert (entry["resource_type"], entry["resource_id"]) == (action.resource_type, write.sample(action.target_id))


def _stand_in_ecs(client: Elasticsearch, name: str) -> None:
    hits = client.search(index=f"logs-audit.events-{name}-*", size=1000)["hits"]["hits"]
    documents = {hit["_source"]["event"]["action"]: hit["_source"]["event"] for hit in hits}
    for _, action, result in EVERY:
        event = documents[f"{action.key}.{result}"]
        category, kind = action.ecs.split("/")
        told = json.dumps([event["category"], event["type"]])
        assert (category in told, kind in told) == (True, True), told
