"""Whether the data directory lies where an audit log may lie."""

import os
import shutil
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from receiver.clock import DAY_NS
from receiver.doctor.finding import Finding, fine

FREE_MIN_BYTES = 1 << 30
FREE_ERROR_BYTES = 64 << 20
DAYS_MIN = 14.0
#: Every commit waits for one.
FSYNC_SLOW_MS = 100.0
FSYNC_TRIES = 5

_MEMORY = {"tmpfs": "memory", "ramfs": "memory", "devtmpfs": "memory"}
_CONTAINER = {"overlay", "aufs"}
#: SQLite's write-ahead log needs memory that all processes share.
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}


class Growth(NamedTuple):
    """The journal's bytes, and the nanoseconds in which it grew to them."""

    size: int
    within_ns: int


def free_space(data_dir: Path, growth: Growth, spool_max_bytes: int) -> Finding:
    """Free bytes against what the journal grows by and what the spool may still take."""
    free = shutil.disk_usage(data_dir).free
    days = _days_left(free - spool_max_bytes, growth)
    told = f"{_mib(free)} free"
    if days is not None:
        told += f"; at the journal's pace so far ({_mib(growth.size)} in all) that lasts {max(0.0, days):.0f} days"
    hint = "give it more room: a full disk costs no event, but every sender waits until there is room again"
    if free < FREE_ERROR_BYTES:
        return Finding("disk", "error", told, hint)
    if free < spool_max_bytes + FREE_MIN_BYTES or (days is not None and days < DAYS_MIN):
        return Finding("disk", "warning", told, hint)
    return fine("disk", told)


def fsync(data_dir: Path) -> Finding:
    """Whether the disk takes writes to heart, and how long that takes."""
    path = data_dir / f".doctor-{os.getpid()}"
    try:
        times = [_fsync_ms(path) for _ in range(FSYNC_TRIES)]
    except OSError as error:
        message = f"{data_dir} cannot be written: {error.strerror}"
        return Finding("fsync", "error", message, "senders are told to come again until it can be")
    finally:
        path.unlink(missing_ok=True)
    took = median(times)
    if took <= FSYNC_SLOW_MS:
        return fine("fsync", f"it takes {took:.1f} ms")
    return Finding("fsync", "warning", f"it takes {took:.0f} ms, and every answer waits for one", "use a local SSD")


def lasting(data_dir: Path, mountinfo: str) -> Finding:
    """Whether what is written there outlives the process's container or machine."""
    kind = filesystem_of(data_dir, mountinfo)
    where = f"{data_dir} is on {kind}"
    if kind in _MEMORY:
        hint = "mount a disk there: every entry is gone with a restart of the machine or pod"
        return Finding("storage", "warning", f"{where}, which is memory", hint)
    if kind in _CONTAINER:
        hint = "mount a volume there: every entry is gone with the container"
        return Finding("storage", "warning", f"{where}, a container's own layer", hint)
    if kind in _NETWORK:
        return Finding("storage", "error", f"{where}, a network file system", "SQLite's log needs a local disk")
    return fine("storage", where)


def filesystem_of(path: Path, mountinfo: str) -> str:
    """The type of the file system *path* lies on, as ``/proc/self/mountinfo`` tells; ``unknown`` when it does not."""
    found, longest = "unknown", -1
    for line in mountinfo.splitlines():
        mount, _, details = line.partition(" - ")
        point = Path(mount.split()[4].replace("\\040", " "))
        if path.resolve().is_relative_to(point) and len(point.parts) >= longest:
            found, longest = details.split()[0], len(point.parts)
    return found


def _days_left(free: int, growth: Growth) -> float | None:
    """Unknown before the journal has grown for a day."""
    if growth.within_ns < DAY_NS or growth.size <= 0:
        return None
    return free / growth.size * growth.within_ns / DAY_NS


def _fsync_ms(path: Path) -> float:
    began = time.perf_counter()
    with path.open("wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())
    return 1000 * (time.perf_counter() - began)


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MiB"
