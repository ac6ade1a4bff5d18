"""``otel-audit reindex`` and ``deadletter`` against real receivers: everything goes on meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from receiver.cli import app
from tests.parts.receiver import Receiver, running
from tests.receiver.index.elastic_server import Namespace, namespace
from tests.receiver.otlp.requests import NOON, event, request, span

RUN = CliRunner()
PROTOBUF = {"content-type": "application/x-protobuf"}


def send(receiver: Receiver, *names: str, **attributes: object) -> None:
    """Events come over OTLP, on spans that tell something of them."""
    events = [event(name, NOON + place, audit__reason="x", **attributes) for place, name in enumerate(names)]
    body = request(span(*events)).SerializeToString()
    assert httpx.post(f"{receiver.http}/v1/traces", content=body, headers=PROTOBUF).status_code == 200


def run(receiver: Receiver, *words: str) -> tuple[int, str]:
    result = RUN.invoke(app, [*words, "--url", receiver.api])
    return result.exit_code, result.output


def rebuilt(receiver: Receiver, *words: str) -> str:
    """How a rebuild ended, as the command says to machines."""
    result = RUN.invoke(app, ["reindex", *words, "--json", "--url", receiver.api])
    assert result.exit_code == 0, result.output
    state: str = json.loads(result.stdout)["state"]
    return state


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One with the embedded index."""
    with running(tmp_path_factory.mktemp("embedded") / "data") as started:
        yield started


def test_the_embedded_index_is_made_anew(receiver: Receiver) -> None:
    """What is there is found before, meanwhile and after; who asked is an entry, and that it is done."""
    send(receiver, "a.one.success", "a.two.success")
    before = receiver.eventually("/api/v1/entries", lambda answer: len(answer["entries"]) == 2, action="a.*")
    assert rebuilt(receiver) == "done"
    assert receiver.get("/api/v1/entries", action="a.*")["entries"] == before["entries"]
    told = receiver.eventually(
        "/api/v1/entries", lambda answer: len(answer["entries"]) == 2, action="audit.index.*", order="asc"
    )
    assert [each["action"] for each in told["entries"]] == [
        "audit.index.rebuild.requested", "audit.index.rebuild.completed",
    ]  # fmt: skip
    assert run(receiver, "reindex", "--partition", "November")[0] == 2


def test_dead_letters_from_the_shell(receiver: Receiver) -> None:
    """Listed, shown, retried in vain, dropped with a reason; then there are none."""
    assert run(receiver, "deadletter", "list")[0] == 1
    send(receiver, "b.one.success", audit__record__id="no uuid")
    [letter] = receiver.eventually("/api/v1/deadletter", lambda answer: answer["letters"])["letters"]
    code, text = run(receiver, "deadletter", "list")
    assert code == 0
    assert letter["id"] in text
    code, text = run(receiver, "deadletter", "show", letter["id"])
    assert (code, "audit.record.id" in text) == (0, True)
    code, text = run(receiver, "deadletter", "retry", letter["id"])
    assert (code, "still refused: audit.record.id" in text) == (1, True)
    assert run(receiver, "deadletter", "drop", letter["id"])[0] == 2
    assert run(receiver, "deadletter", "drop", letter["id"], "--reason", "a test")[0] == 0
    receiver.eventually("/api/v1/deadletter", lambda answer: not answer["letters"])
    assert run(receiver, "deadletter", "show", letter["id"])[0] == 0
    assert run(receiver, "deadletter", "show", "999999")[0] == 1


@pytest.fixture
def shared(elasticsearch_url: str) -> Iterator[Namespace]:
    with namespace(elasticsearch_url) as fresh:
        yield fresh


def test_a_partition_that_was_lost_is_made_anew(tmp_path: Path, shared: Namespace) -> None:
    """Deleted on the server under a running receiver, it comes back whole, with what spans showed later.

    Another receiver's entries stay where they are.
    """
    on_server = {"INDEX__URL": shared.settings.url, "INDEX__NAMESPACE": shared.name, "TRACES__WAIT_S": "1"}
    with running(tmp_path / "data", on_server) as receiver:
        send(receiver, "a.one.success", "a.two.success")
        before = receiver.eventually("/api/v1/entries", lambda answer: len(answer["entries"]) == 2)["entries"]
        shared.client.indices.delete(index=f"{shared.template}-2026.11")
        assert receiver.get("/api/v1/entries")["entries"] == []
        assert rebuilt(receiver, "--partition", "2026.11") == "done"
        assert receiver.get("/api/v1/entries")["entries"] == before
        receiver.eventually("/api/v1/entries", lambda answer: not answer["warnings"])
        shared.refresh()
        theirs = shared.client.get(index=f"{shared.template}-2026.11", id=before[0]["event_id"])["_source"]
        theirs["event"]["id"] = "0199f000-0000-7000-8000-000000000009"
        theirs["audit"]["integrity"]["log"] = "another/log"
        shared.client.index(index=f"{shared.template}-2026.11", id=theirs["event"]["id"], document=theirs)
        assert run(receiver, "reindex")[0] == 0
        shared.refresh()
        assert shared.count({"term": {"audit.integrity.log": "another/log"}}) == 1
