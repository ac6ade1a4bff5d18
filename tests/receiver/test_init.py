"""``otel-audit init`` and the roles it prints, on a server that knows its users: each may do its work and no more."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from elasticsearch import AuthorizationException, Elasticsearch
from typer.testing import CliRunner

from otel_audit.entry import Integrity
from receiver.cli import app
from receiver.config import Index, Settings
from receiver.elastic import connect
from receiver.errors import Unavailable
from receiver.index.elastic import ElasticIndex
from receiver.index.open import open_index
from receiver.index.query import Query
from receiver.index.roles import roles
from receiver.traces.open import open_store
from tests.contracts.entries import PARTITION, entry, event_id, filed
from tests.contracts.spans import span
from tests.parts.receiver import running
from tests.receiver.conftest import GUARDED
from tests.receiver.index.elastic_server import Namespace, namespace
from tests.receiver.test_reindex import rebuilt, send

RUN = CliRunner()
NAME = GUARDED
ROLES = roles(NAME)


def run(monkeypatch: pytest.MonkeyPatch, *words: str, **settings: str) -> tuple[int, str, str]:
    for name, value in settings.items():
        monkeypatch.setenv(f"OTEL_AUDIT_RECEIVER_{name}", value)
    result = RUN.invoke(app, ["init", *words])
    return result.exit_code, result.stdout, result.stderr


def test_the_roles_are_printed_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """As bodies for the server's API, for the namespace of the settings."""
    code, out, _ = run(monkeypatch, "--print-roles", INDEX__NAMESPACE=NAME, INDEX__URL="http://127.0.0.1:1")
    assert (code, json.loads(out)) == (0, ROLES)
    assert sorted(ROLES) == [f"otel-audit-{NAME}-{part}" for part in ("reader", "setup", "writer")]
    code, out, _ = run(monkeypatch, "--print-roles", "--shared")
    assert "delete" in json.loads(out)[f"otel-audit-{NAME}-writer"]["indices"][0]["privileges"]


def test_the_embedded_index_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said so."""
    code, _, err = run(monkeypatch)
    assert (code, "nothing to set up" in err) == (0, True)


def test_a_server_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch, free_tcp_port: int) -> None:
    """With the exit code for it."""
    code, _, err = run(monkeypatch, INDEX__URL=f"http://127.0.0.1:{free_tcp_port}")
    assert (code, "Elasticsearch" in err) == (3, True)


def test_a_repeat_changes_nothing(monkeypatch: pytest.MonkeyPatch, elasticsearch_url: str) -> None:
    """What the owner wrote into his own part stays, and so do the cursors."""
    with namespace(elasticsearch_url) as fresh:
        on_server = {"INDEX__URL": elasticsearch_url, "INDEX__NAMESPACE": fresh.name}
        assert run(monkeypatch, **on_server)[0] == 0
        custom = {"settings": {"index": {"number_of_replicas": "0"}}}
        fresh.client.cluster.put_component_template(name=f"{fresh.template}@custom", template=custom)
        ElasticIndex(fresh.client, fresh.name).put("log", [], cursor=7)
        before = _set_up(fresh)
        assert run(monkeypatch, **on_server)[0] == 0
        assert _set_up(fresh) == before
        assert ElasticIndex(fresh.client, fresh.name).cursor("log") == 7
        fresh.client.indices.delete_index_template(name=f"traces-audit.spans-{fresh.name}")


def _set_up(fresh: Namespace) -> list[object]:
    parts = fresh.client.cluster.get_component_template(name=f"{fresh.template}@*").body
    return [parts, fresh.client.indices.get_index_template(name=f"*{fresh.name}*").body]


# -- on a server that knows its users -------------------------------------------------------------------------


def index_of(url: str, user: str) -> Index:
    return Index(url=url, namespace=NAME, user=user, password=user)


@pytest.fixture(scope="module")
def client(secured_url: str) -> Iterator[Callable[[str], Elasticsearch]]:
    """A user's own client."""
    made: dict[str, Elasticsearch] = {}

    def of(user: str) -> Elasticsearch:
        if user not in made:
            made[user] = connect(index_of(secured_url, user))
        return made[user]

    yield of
    for each in made.values():
        each.close()


def init_as(monkeypatch: pytest.MonkeyPatch, url: str, user: str) -> tuple[int, str]:
    credentials = {"INDEX__USER": user, "INDEX__PASSWORD": user}
    code, _, err = run(monkeypatch, INDEX__URL=url, INDEX__NAMESPACE=NAME, **credentials)
    return code, err


def test_each_role_does_its_work_alone(
    secured_url: str, client: Callable[[str], Elasticsearch], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Set-up sets up, a receiver runs with the writer and answers with the reader; each is refused all the rest."""
    with pytest.raises(Unavailable, match="run otel-audit init"):
        open_index(Settings(data_dir=tmp_path, index=index_of(secured_url, "writer-user")), write=True).prepare(
            [PARTITION]
        )
    for user in ("reader-user", "writer-user"):
        assert init_as(monkeypatch, secured_url, user)[0] == 3
    assert init_as(monkeypatch, secured_url, "setup-user") == (
        0,
        f"set up for namespace {NAME}; see otel-audit init --print-roles\n",
    )
    assert init_as(monkeypatch, secured_url, "setup-user")[0] == 0
    for name in ("INDEX__URL", "INDEX__NAMESPACE", "INDEX__USER", "INDEX__PASSWORD"):
        monkeypatch.delenv(f"OTEL_AUDIT_RECEIVER_{name}")

    on_server = {
        "INDEX__URL": secured_url, "INDEX__NAMESPACE": NAME,
        "INDEX__USER": "writer-user", "INDEX__PASSWORD": "writer-user",
        "INDEX__READ_USER": "reader-user", "INDEX__READ_PASSWORD": "reader-user",
    }  # fmt: skip
    with running(tmp_path / "data", on_server) as receiver:
        send(receiver, "a.one.success", "a.two.success")
        answer = receiver.eventually("/api/v1/entries", lambda answer: len(answer["entries"]) == 2)
        trace = answer["entries"][0]["trace_id"]
        receiver.eventually(f"/api/v1/traces/{trace}", lambda answer: answer["spans"])
        assert rebuilt(receiver) == "done"
        receiver.eventually("/api/v1/entries", lambda answer: not answer["warnings"])

    _other_calls_of_the_writer(secured_url, tmp_path)
    _what_is_refused(client)


def _other_calls_of_the_writer(url: str, tmp_path: Path) -> None:
    """What a short life of a receiver does not come to: late facts, old spans, another receiver's log."""
    settings = Settings(data_dir=tmp_path, index=index_of(url, "writer-user"))
    index = open_index(settings, write=True)
    index.put("log", filed(entry(1, integrity=Integrity(log="log", index=0))), cursor=1)
    assert index.amend(PARTITION, "default", event_id(1), {"path": "/later"})
    assert index.is_shared("log")
    index.close()
    spans = open_store(settings, write=True)
    spans.put([span(1)])
    spans.expire(2**62)
    spans.close()
    reading = open_index(Settings(data_dir=tmp_path, index=index_of(url, "reader-user")), write=False)
    assert reading.search(Query()).total.value > 0
    assert reading.cursor("log") == 1
    reading.close()


def _what_is_refused(client: Callable[[str], Elasticsearch]) -> None:
    entries, cursors = f"logs-audit.events-{NAME}-2026.11", f"audit-cursors-{NAME}"
    reader, writer, setup = (client(f"{name}-user") for name in ("reader", "writer", "setup"))
    document = {"@timestamp": "2026-11-23T00:00:00Z"}
    refused: dict[str, Callable[[], object]] = {
        "the reader writes": lambda: reader.index(index=entries, document=document),
        "the reader moves a cursor": lambda: reader.index(index=cursors, id="x", document={}),
        "the reader deletes": lambda: reader.delete(index=entries, id=event_id(1)),
        "the reader reads elsewhere": lambda: reader.search(index="logs-other"),
        "the writer deletes an entry": lambda: writer.delete(index=entries, id=event_id(1)),
        "the writer deletes a partition": lambda: writer.indices.delete(index=entries),
        "the writer puts a template": lambda: writer.indices.put_index_template(name="x", index_patterns=["x"]),
        "the writer writes elsewhere": lambda: writer.index(index="logs-other", document=document),
        "the writer deletes the cursors": lambda: writer.indices.delete(index=cursors),
        "set-up reads": lambda: setup.search(index=entries),
        "set-up writes": lambda: setup.index(index=entries, document=document),
        "set-up deletes": lambda: setup.indices.delete(index=entries),
    }
    assert [what for what, call in refused.items() if not _is_refused(call)] == []


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except AuthorizationException:
        return True
    return False
