"""A disk of one's own: small, to be filled up, made read-only, or torn away under whoever writes to it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.parts.missing import CannotBeHad

MIB = 1 << 20


class SmallDisk:
    """An ext4 file system in a file, mounted at ``path``."""

    def __init__(self, image: Path, path: Path) -> None:
        self.path = path
        self._image = image
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Nothing more fits from here on."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (MIB, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """There is room again."""
        self._ballast.unlink(missing_ok=True)

    def fail(self) -> None:
        """As after an error of the device: from here on the kernel takes no write, whoever has files open."""
        _run("mount", "-o", "remount,abort", str(self.path))

    def remount(self, how: str) -> None:
        """``ro`` or ``rw``, while nobody writes."""
        _run("mount", "-o", f"remount,{how}", str(self.path))

    def mount(self) -> None:
        """Attach it, after a failure too: what was written before is there."""
        _run("mount", "-o", "loop", str(self._image), str(self.path))

    def unmount(self) -> None:
        """Detach it; nobody has files open there."""
        _run("umount", str(self.path))


@contextlib.contextmanager
def small_disk(directory: Path, mib: int) -> Iterator[SmallDisk]:
    """A fresh one of *mib* MiB below *directory*, gone when the block ends; CannotBeHad where nobody may mount."""
    if os.geteuid() != 0:
        raise CannotBeHad("a disk of one's own cannot be had: only root may mount one")
    image, path = directory / "disk.img", directory / "disk"
    path.mkdir()
    with image.open("wb") as file:
        file.truncate(mib * MIB)
    _run("mkfs.ext4", "-q", "-m", "0", str(image))
    disk = SmallDisk(image, path)
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()
        image.unlink()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise CannotBeHad(f"a disk of one's own cannot be had: {' '.join(command)}: {done.stderr.strip()}")
