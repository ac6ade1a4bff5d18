"""Each check says what is so, and when it matters; none of them tells a secret."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from otel_audit.redact import Redactor
from receiver import config
from receiver.cli import app
from receiver.clock import DAY_NS, SECOND_NS
from receiver.config import Settings
from receiver.doctor import clocks, disk, limits
from receiver.doctor.disk import Growth, filesystem_of
from receiver.doctor.journal import growth
from receiver.doctor.sampling import sampling
from receiver.doctor.secrets import secrets
from receiver.journal import FILE, Journal, JournalReader, entry_of
from receiver.metrics import RunState
from receiver.spool import SpoolWriter
from tests.receiver.drafts import draft
from tests.receiver.otlp.requests import request, span

NOW = 1_800_000_000 * SECOND_NS
GIB = 1 << 30
MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:25 / /dev/shm rw - tmpfs tmpfs rw
31 22 0:26 / /srv rw - overlay overlay rw,lowerdir=/a
32 31 0:27 / /srv/audit\\040log rw shared:1 - xfs /dev/vdb rw
33 22 0:28 / /mnt/far rw - nfs4 far:/ rw
"""


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *words])
    return result.exit_code, result.output


@pytest.mark.parametrize(("files", "level"), [(65536, "fine"), (600, "warning"), (64, "error"), (-1, "fine")])
def test_open_files(files: int, level: str) -> None:
    """Every connection that the settings allow needs one."""
    assert limits.open_files(Settings(), files).level == level


def test_a_limit_of_file_sizes_is_told() -> None:
    """The journal would end there."""
    assert limits.file_size(1 << 20).level == "warning"
    assert limits.file_size(-1).level == "fine"


@pytest.mark.parametrize(
    ("variable", "value", "level"),
    [
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "64", "warning"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "16", "warning"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "128", "fine"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "4", "warning"),
        ("OTEL_SERVICE_NAME", "shop", "fine"),
    ],
)
def test_what_an_sdk_cuts_without_a_word(variable: str, value: str, level: str) -> None:
    """Named with its value, and with what to do."""
    (found,) = limits.sdk_limits({variable: value})
    assert (found.level, variable in found.message) == (level, level != "fine")


@pytest.mark.parametrize(
    ("sampler", "argument", "told"),
    [
        ("", "1", None),
        ("parentbased_always_on", "1", None),
        ("parentbased_traceidratio", "1.0", None),
        ("parentbased_traceidratio", "0.1", "drop 90 % of the traces"),
        ("traceidratio", "0.001", "drop 99.9 %"),
        ("always_off", "1", "drop every trace"),
        ("parentbased_always_off", "1", "drop every trace"),
        ("jaeger_remote", "1", "what that sampler decides"),
    ],
)
def test_what_sampling_costs_is_said_in_words(sampler: str, argument: str, told: str | None) -> None:
    """With the SDK and without it."""
    found = sampling({"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert found.level == ("fine" if told is None else "warning")
    assert told is None or (told in found.message and "add_event" in found.message and "otel_audit" in found.message)
    assert sampling({"OTEL_SDK_DISABLED": "true"}).level == "warning"


@pytest.mark.parametrize(("apart_s", "level"), [(0, "fine"), (4, "fine"), (-20, "warning"), (600, "error")])
def test_a_clock_apart_from_the_server_s(apart_s: int, level: str) -> None:
    """More than five minutes mark every entry."""
    assert clocks.against_server(NOW, NOW + apart_s * SECOND_NS).level == level


@pytest.mark.parametrize(("back_s", "level"), [(-5, "fine"), (60, "warning"), (7200, "error")])
def test_a_clock_that_was_set_back(back_s: int, level: str) -> None:
    """What is journalled was received in the future."""
    assert clocks.against_journal(NOW + back_s * SECOND_NS, NOW).level == level
    assert clocks.against_journal(None, NOW).level == "fine"


def test_the_journal_s_growth_against_the_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that lasts for days only is told before it is full."""
    usage = type("Usage", (), {"free": 100 * GIB})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert disk.free_space(tmp_path, Growth(0, 0), GIB).level == "fine"
    assert disk.free_space(tmp_path, Growth(GIB, 10 * DAY_NS), GIB).level == "fine"
    found = disk.free_space(tmp_path, Growth(200 * GIB, 20 * DAY_NS), GIB)
    assert (found.level, "lasts 10 days" in found.message) == ("warning", True)
    assert disk.free_space(tmp_path, Growth(0, 0), 99 * GIB + 1).level == "warning"
    usage.free = 1 << 20
    assert disk.free_space(tmp_path, Growth(0, 0), 0).level == "error"


def test_growth_is_read_from_the_journal(tmp_path: Path) -> None:
    """Its size, the time between its ends, and its end."""
    assert growth(tmp_path) == (Growth(0, 0), None)
    journal = Journal.open(tmp_path, config.Journal())
    journal.append([draft("a"), draft("b")]).result(10)
    journal.close()
    found, newest_ns = growth(tmp_path)
    assert (found.within_ns, newest_ns) == (0, 1)
    assert found.size == (tmp_path / FILE).stat().st_size


@pytest.mark.parametrize(
    ("path", "kind", "level"),
    [
        ("/dev/shm/x", "tmpfs", "warning"),
        ("/srv/x", "overlay", "warning"),
        ("/srv/audit log/x", "xfs", "fine"),
        ("/mnt/far/x", "nfs4", "error"),
        ("/var/lib/x", "ext4", "fine"),
    ],
)
def test_storage_that_does_not_last(path: str, kind: str, level: str) -> None:
    """Memory, a container's layer, a network."""
    assert filesystem_of(Path(path), MOUNTS) == kind
    assert disk.lasting(Path(path), MOUNTS).level == level


def test_memory_is_told_of_a_real_mount() -> None:
    """As the system itself names it."""
    found = disk.lasting(Path("/dev/shm"), Path("/proc/self/mountinfo").read_text())
    assert (found.level, "tmpfs" in found.message) == ("warning", True)


def test_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is measured, and leaves nothing behind; a disk that takes nothing is an error."""
    assert disk.fsync(tmp_path).level in ("fine", "warning")
    assert list(tmp_path.iterdir()) == []

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    assert disk.fsync(tmp_path).level == "error"
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_told_by_name_alone(tmp_path: Path) -> None:
    """Which attribute and how often; neither a value nor a name that is a secret itself."""
    spool = SpoolWriter(tmp_path, 10 << 20)
    assert secrets(tmp_path, Redactor()).level == "fine"
    sly = {"user.password": "hunter2", "note": "4111 1111 1111 1111", "4111111111111111": "x", "http.method": "GET"}
    for attributes in (sly, {"user.password": "hunter3"}, {"http.method": "GET"}):
        spool.append("default", 1, request(span(attributes=attributes)).SerializeToString())
    spool.close()
    found = secrets(tmp_path, Redactor())
    assert found.level == "warning"
    assert "of 3 spans" in found.message
    assert "user.password (2)" in found.message
    assert "note (1)" in found.message
    assert not any(secret in found.message for secret in ("hunter", "4111111111111111", "4111 1111"))


@contextmanager
def _settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_DATA_DIR", str(data_dir))
    yield


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory with a sound journal, named by the settings."""
    journal = Journal.open(tmp_path, config.Journal())
    for number in range(50):
        journal.append([draft(f"e{number}")]).result(10)
    journal.close()
    with _settings(tmp_path, monkeypatch):
        yield tmp_path


def test_the_command_shows_every_check(data_dir: Path) -> None:
    """As a table, or as JSON; its exit code is the worst level."""
    code, text = run("--json", "--whole")
    found = orjson.loads(text)["findings"]
    assert code == {"fine": 0, "warning": 1, "error": 2}[max((each["level"] for each in found), key=_rank)]
    names = {each["name"] for each in found}
    assert {"open files", "SDK limits", "sampling", "journal", "clock", "disk", "fsync", "storage", "secrets"} <= names
    assert "50 rows; every row is what was written" in text
    code_again, table = run()
    assert (code_again, "its end is what" in " ".join(table.split())) == (code, True)


def _rank(level: str) -> int:
    return ["fine", "warning", "error"].index(level)


def test_nothing_there_yet_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first start there is no directory to look at."""
    with _settings(tmp_path / "none", monkeypatch):
        assert run("--json")[0] in (0, 1)


def test_wrong_settings_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """2, as everywhere."""
    with _settings(tmp_path, monkeypatch):
        monkeypatch.setenv("OTEL_AUDIT_RECEIVER_API__LISTEN", "nowhere")
        code, text = run()
    assert (code, "api.listen" in text) == (2, True)


def test_damage_is_told_and_repaired(data_dir: Path) -> None:
    """What is missing becomes an entry, the damaged file is kept, the streams are made anew."""
    content = bytearray((data_dir / FILE).read_bytes())
    content[content.index(b'"event_id":"e20"') + 13] ^= 1
    (data_dir / FILE).write_bytes(content)
    (data_dir / "streams.db").write_bytes(b"")
    code, text = run("--json", "--whole")
    assert code == 2
    assert "row 21 is not what was written" in text
    code, text = run("--repair", "--json")
    (found,) = orjson.loads(text)["findings"]
    assert (code, found["level"]) == (1, "warning")
    assert "49 rows are kept, 1 are missing: rows 21-21" in found["message"]
    assert (data_dir / found["hint"].removeprefix("evidence: ").split(", ")[0]).read_bytes() == bytes(content)
    assert not (data_dir / "streams.db").exists()
    with closing(JournalReader.open(data_dir)) as reader:
        told = entry_of(reader.read(50, 1)[0], reader.log)
    assert (told.action, told.severity) == ("audit.journal.repair.success", "critical")
    assert told.metadata["missing_seqs"] == ["21-21"]
    assert told.metadata["missing_indexes"] == ["20-20"]
    assert "51 rows; every row is what was written" in run("--whole", "--json")[1]
    code, text = run("--repair", "--json")
    assert (code, orjson.loads(text)["findings"][0]["level"]) == (0, "fine")


def test_repair_waits_for_the_receiver_to_stop(data_dir: Path) -> None:
    """Whoever reads or writes the journal would go on with the old one."""
    state = RunState(data_dir, "follow")
    code, text = run("--repair")
    state.close()
    assert (code, "stop the receiver first; follow still run" in text) == (2, True)


def test_the_command_is_one_of_the_receiver_s(data_dir: Path) -> None:
    """Through the entry point, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "receiver.cli", "doctor", "--repair"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "fine" in done.stdout) == (0, True)
