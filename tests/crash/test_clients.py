"""Clients that stall or flood: the others are served meanwhile."""

import random
import socket
from contextlib import ExitStack
from hashlib import sha256
from json import dumps
from pathlib import Path

import httpx

from tests.crash.load import Load, event_id
from tests.crash.witness import exactly_once, in_sqlite, until
from tests.parts.receiver import running
from tests.receiver.otlp.requests import event, request, span

STALLED = 20
HALF = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 900\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def test_clients_that_stall_hold_up_nobody(data_dir: Path, ports: dict[str, str], chance: random.Random) -> None:
    """In mid-request, on both doors, many at once."""
    with running(data_dir, ports) as receiver, ExitStack() as opened:
        for number in range(STALLED):
            door, words = (("OTLP__HTTP", HALF + b"x" * chance.randrange(899)), ("OTLP__GRPC", PREFACE))[number % 2]
            host, _, port = ports[door].rpartition(":")
            stalled = opened.enter_context(socket.create_connection((host, int(port))))
            stalled.sendall(words)
        with Load(receiver.grpc) as load:
            until(lambda: load.acknowledged > 100)
            answer = httpx.post(
                f"{receiver.http}/v1/traces", content=b"", headers={"content-type": "application/x-protobuf"}
            )
            assert answer.status_code == 200
        assert load.refused == 0
        exactly_once(receiver, load, lambda: in_sqlite(data_dir))


def test_one_that_floods_is_busy_and_the_others_are_served(data_dir: Path, ports: dict[str, str]) -> None:
    """Its credential has a budget; beyond it 503 says when to come again, and nothing of that is stored."""
    tokens = [
        {"name": "flood", "sha256": sha256(b"flood").hexdigest(), "role": "sender", "budget": {"events_per_s": 50}},
        {"name": "calm", "sha256": sha256(b"calm").hexdigest(), "role": "sender"},
    ]
    statuses: dict[str, list[int]] = {"flood": [], "calm": []}
    with running(data_dir, ports | {"AUTH__TOKENS": dumps(tokens)}) as receiver, httpx.Client() as client:

        def send(who: str, first: int, count: int) -> httpx.Response:
            events = [event(audit__record__id=event_id(number)) for number in range(first, first + count)]
            headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {who}"}
            body = request(span(*events)).SerializeToString()
            return client.post(f"{receiver.http}/v1/traces", content=body, headers=headers)

        for turn in range(20):
            flooding = send("flood", turn * 40, 40)
            statuses["flood"].append(flooding.status_code)
            assert flooding.status_code == 200 or float(flooding.headers["retry-after"]) > 0
            statuses["calm"].append(send("calm", 1_000_000 + turn, 1).status_code)
        assert set(statuses["flood"]) == {200, 503}
        assert set(statuses["calm"]) == {200}
        until(lambda: send("flood", 900_000, 1).status_code == 200)
