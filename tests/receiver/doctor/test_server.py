"""The doctor and real Elasticsearch servers, one of them with security on."""

from collections.abc import Iterator
from typing import Any

import pytest

from receiver.clock import SECOND_NS, now_ns
from receiver.config import Index
from receiver.doctor.finding import Finding
from receiver.doctor.server import server
from receiver.elastic import connect
from receiver.index.elastic import ElasticIndex
from tests.parts import elasticsearch
from tests.receiver.conftest import GUARDED
from tests.receiver.index.elastic_server import Namespace, namespace


@pytest.fixture
def space(elasticsearch_url: str) -> Iterator[Namespace]:
    """A namespace of this test's own."""
    with namespace(elasticsearch_url) as fresh:
        yield fresh


def found(settings: Index, apart_s: int = 0) -> dict[str, list[Finding]]:
    checks: dict[str, list[Finding]] = {}
    for each in server(settings, lambda: now_ns() + apart_s * SECOND_NS):
        checks.setdefault(each.name, []).append(each)
    return checks


def levels(checks: dict[str, list[Finding]]) -> dict[str, str]:
    return {name: "/".join(sorted({each.level for each in some})) for name, some in checks.items()}


def test_an_open_server(space: Namespace) -> None:
    """Its version, its clock, templates that are not there yet, and that anyone may write."""
    checks = found(space.settings)
    assert levels(checks) == {
        "Elasticsearch": "fine", "clock": "fine", "template": "warning", "rights": "warning",
    }  # fmt: skip
    assert elasticsearch.VERSION in checks["Elasticsearch"][0].message
    assert "security is off" in checks["rights"][0].message


def test_a_clock_that_is_wrong(space: Namespace) -> None:
    """Told against the server's."""
    assert "ahead of" in found(space.settings, 30)["clock"][0].message
    assert levels(found(space.settings, -900))["clock"] == "error"


def test_our_template(space: Namespace) -> None:
    """Installed by the indexer it is ours; a newer one is not."""
    ElasticIndex(space.client, space.name).prepare(["2026.11"])
    assert [each.level for each in found(space.settings)["template"]] == ["fine", "warning"]
    template: dict[str, Any] = space.client.indices.get_index_template(name=space.template)["index_templates"][0]
    body = template["index_template"] | {"version": 10_000}
    space.client.indices.put_index_template(
        name=space.template, index_patterns=body["index_patterns"], priority=600, version=10_000
    )
    assert "newer version" in found(space.settings)["template"][0].message


def test_a_server_that_is_not_there() -> None:
    """Only that is told: ingest does not need it."""
    checks = found(Index(url="http://127.0.0.1:1", timeout_s=1))
    assert levels(checks) == {"Elasticsearch": "error"}


@pytest.mark.timeout(180)
def test_rights(secured_url: str) -> None:
    """Whoever may do everything is fine; what another lacks is named; a wrong password is told."""
    fine = found(Index(url=secured_url, user="keeper", password="secret-1"))
    assert levels(fine) == {"Elasticsearch": "fine", "clock": "fine", "template": "warning", "rights": "fine"}
    writer = Index(url=secured_url, user="writer-user", password="writer-user", namespace=GUARDED)
    assert levels(found(writer))["rights"] == "fine"
    guest = found(Index(url=secured_url, user="guest", password="secret-2"))
    assert "create_index on logs-audit.events-default-*" in guest["rights"][0].message
    assert "read on logs-audit" not in guest["rights"][0].message
    nobody = found(Index(url=secured_url, user="nobody", password="secret-3"))
    assert levels(nobody)["Elasticsearch"] == "error"
    assert levels(nobody)["rights"] == "error"
    stranger = found(Index(url=secured_url, user="keeper", password="wrong"))
    assert levels(stranger) == {"Elasticsearch": "error"}
    assert "does not know" in stranger["Elasticsearch"][0].message


@pytest.mark.timeout(180)
def test_the_role_we_name_is_enough(secured_url: str) -> None:
    """The indexer works as that user, from its templates to its cursor."""
    settings = Index(url=secured_url, user="keeper", password="secret-1", namespace="roles")
    index = ElasticIndex(connect(settings), "roles")
    index.prepare(["2026.11"])
    index.put("otel-audit/0123456789ab", [], 7)
    assert index.cursor("otel-audit/0123456789ab") == 7
    index.close()
