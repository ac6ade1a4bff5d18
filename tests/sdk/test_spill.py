"""The spill directory: safe from others, and no trouble with it costs the business anything."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_audit import _backlog
from otel_audit._config import Config
from otel_audit._delivery import Delivery
from otel_audit._directory import SpillDirectory, Unsafe
from otel_audit._event import Numbered
from otel_audit._segment import EVENT, Header, Segment
from otel_audit._spill import Spill
from tests.sdk.events import event
from tests.sdk.far_end import FarEnd, attributes

HEADER = Header("0190b0c4-1111-7abc-8def-000000000000", {"service.name": "gone"}, "1.0")
NOBODY = "http://127.0.0.1:1"


def _left_by_a_dead_process(path: Path, count: int = 3, name: str = "a") -> Path:
    """A file with *count* events whose process is no more."""
    spill = Spill(path, 1 << 30, Header(f"0190b0c4-1111-7abc-8def-{ord(name):012d}", {"service.name": "gone"}, "1"))
    for number in range(1, count + 1):
        segment = spill.write(EVENT, number, event(f"left.{name}{number}.success"))
        assert segment is not None
        segment.waiting += 1
    spill.close()
    return next(file for file in path.iterdir() if f"{ord(name):012d}" in file.name)


def _delivery(far_end: FarEnd | None, path: Path, **settings: int) -> Delivery:
    endpoint = NOBODY if far_end is None else far_end.endpoint
    return Delivery(Config(endpoint=endpoint, protocol="grpc", spill_dir=path, **settings), {}, "0")


def _put(delivery: Delivery, count: int, **more: str) -> None:
    for _ in range(count):
        delivery.put(event(**more), None, "journaled")


def test_files_are_ours_alone(tmp_path: Path):
    """0600 in 0700, whatever the umask; a directory that only others may read is closed."""
    (tmp_path / "spill").mkdir(mode=0o755)
    former = os.umask(0)
    try:
        delivery = _delivery(None, tmp_path / "spill")
        _put(delivery, 1)
    finally:
        os.umask(former)
    [file] = (tmp_path / "spill").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    delivery.close(0)


def test_a_directory_others_can_write_is_refused(tmp_path: Path):
    """With the reason; and so is one that is a link, or another user's."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(Unsafe, match="written by others"):
        SpillDirectory(shared)
    ours = tmp_path / "ours"
    ours.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(ours)
    with pytest.raises(Unsafe, match="is a link"):
        SpillDirectory(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        SpillDirectory(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_directory_is_refused(tmp_path: Path):
    """Whoever owns it could have written anything."""
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 65534, 65534)
    with pytest.raises(Unsafe, match="belongs to user 65534"):
        SpillDirectory(theirs)


def test_a_refused_directory_costs_no_event(tmp_path: Path, far_end: FarEnd, caplog: pytest.LogCaptureFixture):
    """It is said once, with the reason; events wait in memory, counted, and arrive."""
    tmp_path.chmod(0o777)
    delivery = _delivery(far_end, tmp_path)
    _put(delivery, 20)
    assert delivery.close(10)
    assert len(far_end.carriers) == 20
    assert delivery.statistics().unspilled == 20
    assert list(tmp_path.iterdir()) == []
    [said] = [record for record in caplog.records if "kept on disk" in record.message]
    assert "written by others" in said.reason  # type: ignore[attr-defined]


def test_what_a_dead_process_left_is_sent_on(tmp_path: Path, far_end: FarEnd):
    """Under its own name, with its own numbers; and a report says how far its stream got."""
    _left_by_a_dead_process(tmp_path)
    delivery = _delivery(far_end, tmp_path)
    _until(lambda: list(tmp_path.iterdir()) == [])
    delivery.close(5)
    said = [attributes(carrier.events[0].attributes) for carrier in far_end.carriers]
    assert [each["audit.sequence.number"] for each in said] == [1, 2, 3]
    assert far_end.requests[0].resource_spans[0].resource.attributes[0].value.string_value == "gone"
    assert [report["audit.source.last"] for report in far_end.reports] == [3]


def test_a_living_processes_file_is_left_alone(tmp_path: Path, far_end: FarEnd):
    """Its lock says that it lives."""
    file = _left_by_a_dead_process(tmp_path)
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        delivery = _delivery(far_end, tmp_path)
        _put(delivery, 1)
        assert delivery.close(5)
    assert len(far_end.carriers) == 1
    assert file.exists()


def test_files_that_make_no_sense_are_set_aside(tmp_path: Path, far_end: FarEnd, caplog: pytest.LogCaptureFixture):
    """Corrupt, foreign, a link, a directory, a pipe, written by others: named in the log, none blocks the good."""
    good = _left_by_a_dead_process(tmp_path, name="a")
    torn = _left_by_a_dead_process(tmp_path, name="b")
    torn.write_bytes(torn.read_bytes()[:-20])  # killed in the middle of a write: nothing to look at
    damaged = _left_by_a_dead_process(tmp_path, name="d")
    damaged.write_bytes(damaged.read_bytes().replace(b"left.d3", b"left.x3"))
    others = _left_by_a_dead_process(tmp_path, name="c")
    others.chmod(0o622)
    (tmp_path / "foreign.spill").write_bytes(b"PK\x03\x04 an archive")
    (tmp_path / "link.spill").symlink_to(good)
    (tmp_path / "directory.spill").mkdir()
    os.mkfifo(tmp_path / "pipe.spill", 0o600)
    (tmp_path / "notes.txt").write_text("not ours at all")
    delivery = _delivery(far_end, tmp_path)
    _until(lambda: not list(tmp_path.glob("*.spill")))
    assert delivery.close(5)
    assert sorted(carrier.name for carrier in far_end.carriers) == [
        *("left.a1.success", "left.a2.success", "left.a3.success"),
        *("left.b1.success", "left.b2.success"),
        *("left.d1.success", "left.d2.success"),
    ]
    aside = {path.name.removesuffix(".set-aside") for path in tmp_path.glob("*.set-aside")}
    assert aside == {damaged.name, others.name, "foreign.spill", "link.spill", "directory.spill", "pipe.spill"}
    said = [record.__dict__ for record in caplog.records if "set aside" in record.message]
    named = {Path(record["file"]).name for record in said}
    assert named == aside
    assert (tmp_path / "notes.txt").exists()


def test_the_directory_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Beyond its size, whoever filled it, events wait in memory, counted; said once."""
    (tmp_path / "somebody's").write_bytes(b"x" * 2000)
    delivery = _delivery(None, tmp_path, spill_max_bytes=1000)
    _put(delivery, 5)
    assert (delivery.statistics().unspilled, delivery.statistics().waiting) == (5, 5)
    delivery.close(0)
    assert sum("kept on disk" in record.message for record in caplog.records) == 1


def test_a_vanished_directory_is_made_again(tmp_path: Path, far_end: FarEnd, caplog: pytest.LogCaptureFixture):
    """Somebody deletes it while we run: said once, nothing is lost, and later events are on disk again."""
    path = tmp_path / "spill"
    far_end.refusals = 1_000_000
    delivery = _delivery(far_end, path)
    _put(delivery, 5)
    shutil.rmtree(path)
    _until(lambda: any("vanished" in str(getattr(record, "reason", "")) for record in caplog.records))
    _until(lambda: bool(_put(delivery, 1)) or path.exists(), every_s=0.3)
    far_end.refusals = 0
    assert delivery.close(20)
    assert len(far_end.carriers) == delivery.statistics().recorded


def test_a_full_disk_costs_no_event(tmp_path: Path, far_end: FarEnd):
    """Files may not grow (a limit of the process): counted, said once, and all arrive from memory."""
    program = f"""
import logging, resource, signal, sys
logging.basicConfig(level=logging.WARNING)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import otel_audit
from opentelemetry.sdk.trace import TracerProvider
spill_dir = {str(tmp_path / "spill")!r}
otel_audit.configure(endpoint={far_end.endpoint!r}, spill_dir=spill_dir, tracer_provider=TracerProvider())
for n in range(500):
    otel_audit.record("inventory.update.success", reason="x" * 100)
assert otel_audit.flush()
print(otel_audit.statistics().unspilled)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 500
    assert done.stderr.count("cannot be kept on disk") == 1
    assert len(far_end.carriers) == 500


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount of its own")
def test_a_read_only_disk_costs_no_event(tmp_path: Path, far_end: FarEnd):
    """In a namespace of its own the directory is read-only: said once, counted, and all arrive."""
    path = tmp_path / "spill"
    path.mkdir(mode=0o700)
    program = f"""
import otel_audit
from opentelemetry.sdk.trace import TracerProvider
otel_audit.configure(endpoint={far_end.endpoint!r}, spill_dir={str(path)!r}, tracer_provider=TracerProvider())
for n in range(50):
    otel_audit.record("inventory.update.success")
assert otel_audit.flush()
print(otel_audit.statistics().unspilled)
"""
    mounted = f'mount --bind {path} {path} && mount -o remount,ro,bind {path} && exec {sys.executable} -c "$0"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, program], capture_output=True, text=True, timeout=60
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this machine gives no mount namespace: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "50"
    assert done.stderr.count("cannot be kept on disk") == 1
    assert "Read-only" not in done.stdout
    assert len(far_end.carriers) == 50


def test_memory_overflows_to_disk(tmp_path: Path, far_end: FarEnd):
    """What memory has no room for is read back from the files: everything arrives once, in numbers without holes."""
    far_end.refusals = 1_000_000
    delivery = _delivery(far_end, tmp_path, queue_max_events=10)
    _put(delivery, 300)
    assert delivery.statistics().waiting == 300
    far_end.refusals = 0
    assert delivery.flush(20)
    _put(delivery, 50)
    assert delivery.close(20)
    numbers = [attributes(carrier.events[0].attributes)["audit.sequence.number"] for carrier in far_end.carriers]
    assert sorted(numbers) == list(range(1, 351))
    assert delivery.statistics().delivered == 350
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_back_is_tried_again(
    tmp_path: Path, far_end: FarEnd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The disk fails once: the file is let go, and found again like one that a dead process left."""
    monkeypatch.setattr(_backlog, "_SCAN_EVERY_S", 0.2)
    read, failures = Segment.overflowed, iter([OSError(5, "the disk fails")])

    def failing_once(segment: Segment, end: int) -> tuple[Numbered, ...]:
        for failure in failures:
            raise failure
        return read(segment, end)

    monkeypatch.setattr(Segment, "overflowed", failing_once)
    far_end.refusals = 1_000_000
    delivery = _delivery(far_end, tmp_path, queue_max_events=10)
    _put(delivery, 50)
    far_end.refusals = 0
    _until(lambda: len({carrier.span_id for carrier in far_end.carriers}) == 50)
    assert delivery.close(20)
    assert any("cannot be read" in record.message for record in caplog.records)


def test_what_the_receiver_refuses_of_a_dead_process_is_said(
    tmp_path: Path, far_end: FarEnd, caplog: pytest.LogCaptureFixture
):
    """It is no loss of ours, and it does not come again."""
    _left_by_a_dead_process(tmp_path)
    far_end.bytes_max = 10
    delivery = _delivery(far_end, tmp_path)
    _until(lambda: list(tmp_path.iterdir()) == [])
    delivery.close(5)
    said = [record.__dict__ for record in caplog.records if "were refused" in record.message]
    assert {record["source"] for record in said} == {"0190b0c4-1111-7abc-8def-000000000097"}
    assert delivery.statistics().lost == {}


def test_files_are_deleted_as_they_are_answered(tmp_path: Path, far_end: FarEnd):
    """Many files' worth of events leaves one file at most, cut back to its header."""
    delivery = _delivery(far_end, tmp_path)
    for _ in range(30):
        _put(delivery, 5, reason="x" * 100_000)
        assert delivery.flush(20)
    _until(lambda: sum(file.stat().st_size for file in tmp_path.iterdir()) < 1000)
    delivery.close(5)
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_at_the_end_is_the_next_ones(tmp_path: Path, far_end: FarEnd):
    """An exit that cannot send leaves the events; a later process sends them under the first one's stream."""
    first = _delivery(None, tmp_path)
    _put(first, 4)
    assert first.close(0.1) is False
    assert first.statistics().lost == {}
    second = _delivery(far_end, tmp_path)
    _until(lambda: len(far_end.carriers) == 4)
    second.close(5)
    assert list(tmp_path.iterdir()) == []


def test_a_large_event_has_a_file_of_its_own(tmp_path: Path, far_end: FarEnd):
    """Ten megabytes are spilled, sent and forgotten like any other."""
    delivery = _delivery(far_end, tmp_path)
    _put(delivery, 3, reason="x" * 10_000_000)
    assert delivery.close(20)
    assert len(far_end.carriers) == 3
    assert delivery.statistics().unspilled == 0


def _until(holds: Callable[[], bool], max_s: float = 15, every_s: float = 0.05) -> None:
    deadline = time.monotonic() + max_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(every_s)
