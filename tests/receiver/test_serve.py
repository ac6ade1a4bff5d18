"""``otel-audit serve``: the group starts together, survives its members, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from receiver.cli import app
from receiver.metrics import read_states
from tests.parts.receiver import Receiver, running
from tests.receiver.otlp.requests import event, request, span

PROTOBUF = {"content-type": "application/x-protobuf"}
BODY = request(span(event(audit__reason="x"))).SerializeToString()
MEMBERS = ("accept", "follow", "answer")


def until(condition: Callable[[], bool], max_s: float = 20) -> None:
    deadline = time.monotonic() + max_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def pids(receiver: Receiver) -> dict[str, int]:
    return {name: state["pid"] for name, state in read_states(receiver.data_dir).items()}


def send(receiver: Receiver, body: bytes = BODY) -> httpx.Response:
    return httpx.post(f"{receiver.http}/v1/traces", content=body, headers=PROTOBUF)


def test_the_group_serves_and_ends(tmp_path: Path) -> None:
    """What is sent is found; one line says where; SIGTERM ends every process and takes the states away."""
    with running(tmp_path / "data") as receiver:
        until(lambda: set(pids(receiver)) == set(MEMBERS))
        members = pids(receiver)
        assert send(receiver).headers["otel-audit-receipt"]
        receiver.eventually("/api/v1/entries")
    until(lambda: not any(map(alive, members.values())))
    assert read_states(tmp_path / "data") == {}
    log = (tmp_path / "data.log").read_text()
    assert log.count("ready: OTLP gRPC") == 1
    assert f"OTLP gRPC {receiver.grpc}, OTLP HTTP {receiver.http}/v1/traces, API {receiver.api}" in log
    assert "Traceback" not in log


def test_what_was_sent_is_there_once_after_a_restart(tmp_path: Path) -> None:
    """The same request again, also to the next receiver on the directory, is the same entry."""
    for _ in range(2):
        with running(tmp_path / "data") as receiver:
            receipts = {send(receiver).headers["otel-audit-receipt"] for _ in range(2)}
            assert len(receipts) == 1
            answer = receiver.eventually("/api/v1/entries")
            assert len(answer["entries"]) == 1


def test_bad_input_leaves_every_process_unharmed(tmp_path: Path) -> None:
    """Refused with the right status over a real socket; the same process takes the next request."""
    with running(tmp_path / "data") as receiver:
        before = pids(receiver)
        url = receiver.http
        statuses = [
            send(receiver, b"audit. nonsense").status_code,
            httpx.post(f"{url}/v1/other", content=BODY, headers=PROTOBUF).status_code,
            httpx.get(f"{url}/v1/traces").status_code,
            httpx.post(f"{url}/v1/traces", content=BODY, headers={"content-type": "text/html"}).status_code,
            httpx.post(f"{url}/v1/traces", content=b"?", headers={**PROTOBUF, "content-encoding": "gzip"}).status_code,
        ]
        assert statuses == [400, 404, 405, 415, 400]
        assert send(receiver).status_code == 200
        assert len(receiver.eventually("/api/v1/entries")["entries"]) == 1
        assert pids(receiver) == before


def test_when_the_parent_is_killed_the_others_end(tmp_path: Path) -> None:
    """SIGKILL gives no time to say goodbye: the closed pipe says it."""
    with running(tmp_path / "data") as receiver:
        members = pids(receiver)
        os.kill(receiver.pid, signal.SIGKILL)
        until(lambda: not any(map(alive, members.values())))


def test_a_second_accept_is_refused(tmp_path: Path) -> None:
    """Two must not write one journal: the second says who does, and exits with 2."""
    with running(tmp_path / "data") as receiver:
        second = subprocess.run(
            [sys.executable, "-m", "receiver.cli", "serve", "accept"],
            env={
                **os.environ,
                "OTEL_AUDIT_RECEIVER_DATA_DIR": str(receiver.data_dir),
                "OTEL_AUDIT_RECEIVER_OTLP__GRPC": "127.0.0.1:0",
                "OTEL_AUDIT_RECEIVER_OTLP__HTTP": "127.0.0.1:0",
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode == 2
        assert f"already written by another accept process (pid {pids(receiver)['accept']})" in second.stderr


def test_a_taken_port_ends_the_group(tmp_path: Path) -> None:
    """Starting again would not help: the group ends with 2 and names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = {"DATA_DIR": str(tmp_path / "data"), "OTLP__HTTP": address, "OTLP__GRPC": "127.0.0.1:0"}
        settings["API__LISTEN"] = "127.0.0.1:0"
        ended = subprocess.run(
            [sys.executable, "-m", "receiver.cli", "serve"],
            env={**os.environ, **{f"OTEL_AUDIT_RECEIVER_{name}": value for name, value in settings.items()}},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2
    assert f"otlp.http: {address} cannot be listened on" in ended.stderr


def test_wrong_settings_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any process is started, all of them, with exit code 2."""
    monkeypatch.setattr("receiver.app.log.to_stderr", lambda _: None)  # this process has a log of its own
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_API__LISTEN", "nowhere")
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_JOURNAL__BATCH_MAX_ENTRIES", "0")
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 2
    assert "api.listen" in result.output
    assert "journal.batch_max_entries" in result.output


def test_who_reads_is_in_the_log(tmp_path: Path) -> None:
    """Their search is an entry of the receiver's, found by who asks for those."""
    with running(tmp_path / "data") as receiver:
        receiver.get("/api/v1/entries", user_id="u-1")
        [read] = receiver.eventually("/api/v1/entries", action="audit.entry.read.*")["entries"]
        assert read["metadata"] == {"filter": {"user_id": "u-1"}, "found": 0}
        assert (read["actor_type"], read["ip_address"], read["service_name"]) == (
            "anonymous",
            "127.0.0.1",
            "otel-audit",
        )
        assert receiver.get("/api/v1/entries")["entries"] == []


def test_a_number_that_has_not_come_is_told_and_heals(tmp_path: Path) -> None:
    """Numbers of a stream are accounted for while the receiver serves."""

    def numbered(number: int) -> bytes:
        own = event(f"order.{number}.success", audit__source__id="s-1", audit__sequence__number=number)
        return request(span(own)).SerializeToString()

    with running(tmp_path / "data") as receiver:
        for number in (1, 3):
            send(receiver, numbered(number))
        received = lambda wanted: lambda answer: [s["received"] for s in answer["streams"]] == [wanted]  # noqa: E731
        [stream] = receiver.eventually("/api/v1/completeness", received(2))["streams"]
        assert (stream["state"], stream["waiting"]) == ("waiting", [[2, 2]])
        send(receiver, numbered(2))
        [stream] = receiver.eventually("/api/v1/completeness", received(3))["streams"]
        assert (stream["state"], stream["waiting"], stream["missing"]) == ("complete", [], [])
        until(lambda: read_states(receiver.data_dir)["follow"]["streams"]["waiting"] == 0)
