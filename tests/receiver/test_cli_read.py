"""The commands that ask, against a real API on a socket."""

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from rich.console import Console
from typer.testing import CliRunner

from receiver import cli_ask
from receiver.api.app import create_app
from receiver.cli import app
from receiver.cli_read import _span_tree
from receiver.clock import now_ns
from receiver.config import Settings
from receiver.streams import MISSING_AFTER_NS
from tests.contracts.entries import entry, event_id
from tests.contracts.spans import TRACE, span
from tests.receiver.api.conftest import Receiver
from tests.receiver.api.conftest import receiver as receiver

RUN = CliRunner()


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    """The address of the API over *receiver*."""
    config = uvicorn.Config(create_app(Settings(data_dir=receiver.data_dir)), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(autouse=True)
def _filled(receiver: Receiver) -> None:
    """An order that was created and failed to ship, with its trace."""
    order = {"resource_type": "order", "resource_id": "o-1", "trace_id": TRACE, "span_id": f"{1:016x}"}
    receiver.spans.put([span(1, name="ship it"), span(2, parent_span_id=f"{1:016x}")])
    receiver.store(
        entry(1, **order, action="order.create.success", new_state={"status": "new"}),
        entry(2, **order, action="order.label.print.failed", outcome="failure", error_type="printer_offline"),
    )


def _run(url: str, *words: str) -> tuple[int, str]:
    result = RUN.invoke(app, [*words, "--url", url])
    return result.exit_code, result.output


def test_search_shows_what_it_found(url: str):
    """A table for people, JSON for machines, 1 when there is nothing."""
    assert _run(url, "search", "resource_id=o-1")[0] == 0
    code, text = _run(url, "search", "outcome=failure", "--json")
    assert (code, [each["event_id"] for each in json.loads(text)["entries"]]) == (0, [event_id(2)])
    assert _run(url, "search", "user_id=nobody")[0] == 1


def test_show_trace_and_history(url: str):
    """One entry, its trace as a tree, its resource's life."""
    code, text = _run(url, "show", event_id(2))
    assert code == 0
    assert "printer_offline" in text
    for identity in (TRACE, event_id(1)):
        code, text = _run(url, "trace", identity)
        assert code == 0
        assert "ship it" in text
        assert event_id(1) in text.replace("\n", "")
    code, text = _run(url, "history", "order", "o-1", "--json")
    assert (code, json.loads(text)["state"]) == (0, {"status": "new"})
    assert _run(url, "history", "order", "o-1")[0] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["search", "colour=red"], 2),
        (["search", "red"], 2),
        (["search", "outcome=failure", "outcome=success"], 2),
        (["show", "42"], 2),
        (["show", event_id(9)], 1),
        (["trace", "b" * 32], 1),
        (["history", "order", "none"], 1),
    ],
)
def test_exit_codes_tell_what_happened(words: list[str], code: int, url: str):
    """1 nothing found, 2 a wrong call; the reason is on standard error."""
    assert _run(url, *words)[0] == code


def test_what_was_sent_neither_styles_nor_steers_the_terminal(url: str, receiver: Receiver):
    """Whoever is audited chose these texts: they are shown as they are, without control characters."""
    sly = {"resource_id": "a/b?c#d", "service_name": "[/red]", "reason": "[bold]x\x1b[2J", "user_id": "[/]"}
    receiver.store(entry(3, **sly, resource_type="page"))
    for words in (["search", "resource_type=page"], ["show", event_id(3)], ["history", "page", "a/b?c#d"]):
        code, text = _run(url, *words)
        assert code == 0
        assert "\x1b" not in text
        assert "[bold]x" in text


def test_a_deep_trace_is_drawn(url: str, receiver: Receiver):
    """A parent that comes after its children, a loop, and more levels than a program may call itself."""
    deep = [span(number, trace_id="d" * 32, parent_span_id=f"{number + 1:016x}") for number in range(1, 1500)]
    loop = [
        span(2001, trace_id="d" * 32, parent_span_id=f"{2002:016x}"),
        span(2002, trace_id="d" * 32, parent_span_id=f"{2001:016x}"),
    ]
    receiver.spans.put([*deep, *loop])
    answer = httpx.get(f"{url}/api/v1/traces/{'d' * 32}").json()
    drawn = [_span_tree(answer)]
    names = set()
    while drawn:
        tree = drawn.pop()
        names.add(str(tree.label).split("  ")[1] if "  " in str(tree.label) else "")
        drawn += tree.children
    assert names == {"", *(each.name for each in [*deep, *loop])}


def test_a_server_that_is_not_there():
    """3, with its address."""
    code, text = _run("http://127.0.0.1:1", "search")
    assert code == 3
    assert "127.0.0.1:1" in text


def test_a_change_that_nobody_recorded_stands_out(url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    """Where it happened in the history; `--at` ends before it."""
    monkeypatch.setattr(cli_ask, "_out", Console(width=200))
    item = {"resource_type": "inventory", "resource_id": "sku-1"}
    receiver.store(
        entry(21, **item, new_state={"stock": 5}),
        entry(22, **item, previous_state={"stock": 3}, new_state={"stock": 2}),
    )
    assert "nobody recorded" in _run(url, "history", "inventory", "sku-1")[1]
    code, text = _run(url, "history", "inventory", "sku-1", "--at", entry(21).timestamp)
    assert code == 0
    assert "nobody recorded" not in text


def test_named_searches(url: str):
    """Listed with what they need, and asked by name."""
    code, text = _run(url, "searches", "--json")
    assert code == 0
    assert "failed-logins" in text
    assert _run(url, "search", "--name", "resource-changes", "resource_type=order", "resource_id=o-1")[0] == 0
    assert _run(url, "search", "--name", "resource-changes", "resource_type=order")[0] == 2
    assert _run(url, "search", "--name", "nothing")[0] == 1


def test_gaps_are_listed(url: str, receiver: Receiver):
    """1 when nothing is missing; else which numbers of which stream."""
    assert _run(url, "gaps")[0] == 1
    for number in (1, 4):
        fields = {"source": {"id": "stream-1", "sequence": number}, "service_name": "payment"}
        receiver.accept(entry(10 + number, **fields), received_ns=now_ns() - MISSING_AFTER_NS)
    receiver.follow()
    code, text = _run(url, "gaps", "--service", "payment")
    assert code == 0
    assert "2–3" in text
    assert "2 of 4" in text
    assert _run(url, "gaps", "--service", "another")[0] == 1
    assert _run(url, "gaps", "--state", "wrong")[0] == 2
    code, text = _run(url, "gaps", "--json")
    assert json.loads(text)["streams"][0]["missing"] == [[2, 3]]


def test_a_journey_is_a_table_of_steps(url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    """With the time between them; 1 when nothing names it."""
    monkeypatch.setattr(cli_ask, "_out", Console(width=200))
    receiver.store(entry(31, related=("order:o-9",)), entry(33, related=("order:o-9",)))
    code, text = _run(url, "journey", "order", "o-9")
    assert code == 0
    assert "2.000 s" in text
    assert _run(url, "journey", "order", "none")[0] == 1
