"""SIGKILL while a backend takes nothing: what was answered arrives all the same."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.parts import backend as parts
from tests.parts.backend import HANGING, OK, Backend
from tests.parts.receiver import Receiver, running
from tests.receiver.forward.forwarding import audit, body

PROTOBUF = {"content-type": "application/x-protobuf"}


def forward_to(backend: Backend, **more: Any) -> dict[str, str]:
    """The receiver's settings for one backend."""
    chosen = {"endpoint": backend.endpoint, "name": "backend", "retry_max_s": 0.1, "timeout_s": 1, **more}
    return {"FORWARD": json.dumps([chosen])}


def facts(receiver: Receiver) -> dict[str, Any]:
    """What accept says about the backend; empty while it is starting."""
    try:
        state = orjson.loads((receiver.data_dir / "run" / "accept.json").read_bytes())
    except FileNotFoundError:
        return {}
    return {**state.get("forward", {}).get("backend", {}), "pid": state["pid"]}


def eventually(receiver: Receiver, enough: Any, max_s: float = 20) -> dict[str, Any]:
    """What accept says, once that is *enough*."""
    deadline = time.monotonic() + max_s
    while not enough(found := facts(receiver)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def send(receiver: Receiver, *bodies: bytes) -> None:
    for each in bodies:
        httpx.post(f"{receiver.http}/v1/traces", content=each, headers=PROTOBUF).raise_for_status()


def test_what_waits_on_disk_outlives_sigkill(tmp_path: Path) -> None:
    """Accept is killed twice while the backend hangs; the next one sends everything on, and no entry is missing."""
    bodies = [each for number in range(60) for each in (body(number), audit(number))]
    with parts.running("grpc") as backend:
        backend.answer = lambda _: HANGING
        settings = forward_to(backend, queue="disk", batch_max_bytes=2000)
        with running(tmp_path / "data", settings) as receiver:
            for round_ in range(2):
                half = bodies[60 * round_ : 60 * round_ + 60]
                send(at(receiver), *half)
                sent = sum(map(len, bodies[: 60 * round_ + 60]))
                found = eventually(receiver, lambda found, sent=sent: found.get("queue_bytes", 0) >= sent)
                assert found["sent"] == 0
                os.kill(found["pid"], signal.SIGKILL)
                eventually(receiver, lambda now, old=found["pid"]: now.get("pid") != old and "sent" in now)
            backend.answer = lambda _: OK
            eventually(receiver, lambda found: found.get("queue_bytes") == 0, max_s=40)
            entries = receiver.eventually(
                "/api/v1/entries", enough=lambda answer: len(answer["entries"]) == 60, limit=100
            )
    arrived = b"".join(backend.taken)
    assert [each for each in bodies if each not in arrived] == []
    assert {entry["metadata"]["n"] for entry in entries["entries"]} == set(range(60))


def at(receiver: Receiver) -> Receiver:
    """The receiver with the port that accept has now: a free one, and another after each start."""
    state = orjson.loads((receiver.data_dir / "run" / "accept.json").read_bytes())
    return Receiver(
        receiver.data_dir, receiver.pid, receiver.grpc, f"http://127.0.0.1:{state['ports']['http']}", receiver.api
    )


def test_a_receiver_forwards_and_ends_in_time(tmp_path: Path) -> None:
    """From the settings to the backend; at the end what waited in memory has been sent."""
    with parts.running("http") as backend:
        with running(tmp_path / "data", forward_to(backend, protocol="http", batch_wait_ms=9000)) as receiver:
            send(receiver, body(1), body(2))
            eventually(receiver, lambda found: found.get("queue_bytes") == len(body(1) + body(2)))
            assert backend.taken == []
        assert backend.taken == [body(1) + body(2)]
    assert "Traceback" not in (tmp_path / "data.log").read_text()
