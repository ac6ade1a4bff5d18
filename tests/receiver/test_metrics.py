"""What the processes say about themselves."""

import time
from pathlib import Path

from receiver.metrics import RunState, read_states


def test_a_change_is_there_soon(tmp_path: Path) -> None:
    """A fact that was set is read by others within a tenth of a second or so, beside those set earlier."""
    state = RunState(tmp_path, "accept")
    state.set(ready=True)
    state.set(ports={"grpc": 1})
    deadline = time.monotonic() + 5
    while "ports" not in read_states(tmp_path)["accept"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    facts = read_states(tmp_path)["accept"]
    assert facts["ready"] is True
    assert 0 <= facts["age_s"] < 2
    state.close()


def test_a_killed_process_grows_old(tmp_path: Path) -> None:
    """The file it left behind says how long ago that was."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "follow.json").write_text('{"pid": 1, "written_ns": 5000000000}')
    assert read_states(tmp_path, clock=lambda: 65_000_000_000)["follow"]["age_s"] == 60


def test_an_ended_process_leaves_nothing(tmp_path: Path) -> None:
    """Ending cleanly takes the file away."""
    RunState(tmp_path, "accept").close()
    assert read_states(tmp_path) == {}
