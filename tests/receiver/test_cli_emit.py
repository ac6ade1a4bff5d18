"""``otel-audit emit``, as a pipeline calls it, against a real receiver."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.ports import free_ports
from tests.parts.receiver import Receiver, running


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One for all of these."""
    with running(tmp_path_factory.mktemp("emit") / "data") as receiver:
        yield receiver


def emit(endpoint: str, spill: Path, *said: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """What the command answers."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TRACEPARENT"))}
    return subprocess.run(
        [sys.executable, "-m", "receiver.cli", "emit", *said, "--endpoint", f"http://{endpoint}", "--timeout-s", "5"],
        env={**inherited, "OTEL_AUDIT_SPILL_DIR": str(spill), **environ},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_event_of_a_pipeline_is_stored_and_found(receiver: Receiver, tmp_path: Path) -> None:
    """Its states come from a file and from standard input, its trace from the environment."""
    (tmp_path / "old.json").write_text('{"version": "1"}')
    told = emit(
        receiver.grpc, tmp_path, "deployment.finish.success",
        "--resource", "deployment:shop", "--before", f"@{tmp_path / 'old.json'}", "--after", "-", "--user", "ci",
        "--service", "pipeline", "-m", "run=17", "-m", "branch=main", "--reason", "release", "--json",
        stdin='{"version": "2"}', TRACEPARENT=f"00-{'a' * 32}-{'b' * 16}-01",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    recorded = json.loads(told.stdout)
    assert recorded["receipt"]
    entry = receiver.eventually(f"/api/v1/traces/{'a' * 32}/entries")["entries"][0]
    assert (entry["event_id"], entry["span_id"]) == (recorded["event_id"], "b" * 16)
    assert (entry["action"], entry["user_id"], entry["actor_type"]) == ("deployment.finish.success", "ci", "system")
    assert (entry["resource_type"], entry["resource_id"], entry["service_name"]) == ("deployment", "shop", "pipeline")
    assert (entry["previous_state"], entry["new_state"]) == ({"version": "1"}, {"version": "2"})
    assert (entry["metadata"], entry["reason"]) == ({"run": 17, "branch": "main"}, "release")


def test_what_is_not_stored_ends_with_1(tmp_path: Path) -> None:
    """A step of a pipeline must not go on as if it were."""
    [port] = free_ports(1)
    told = emit(f"127.0.0.1:{port}", tmp_path, "job.run.success")
    assert told.returncode == 1
    assert "not stored" in told.stderr


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (["--resource", "order"], "--resource must be type:id"),
        (["--before", "{"], "--before is not JSON"),
        (["--after", "@/nowhere/to/be/found"], "--after is not JSON that can be read"),
        (["-m", "novalue"], "--metadata must be key=value"),
        (["--actor-type", "robot"], "--actor-type must be"),
    ],
)
def test_a_wrong_call_ends_with_2_and_names_the_problem(
    receiver: Receiver, tmp_path: Path, said: list[str], problem: str
) -> None:
    """Nothing is recorded."""
    told = emit(receiver.grpc, tmp_path, "job.run.success", *said)
    assert (told.returncode, problem in told.stderr) == (2, True), told.stderr
