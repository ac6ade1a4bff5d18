"""Java programs for the tests, with their libraries fetched and compiled once and kept."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.parts.cache import cache
from tests.parts.missing import CannotBeHad


def project(source: Path) -> list[str]:
    """The command that runs a class of the Maven project in *source*, to be followed by its name and arguments.

    Compiled anew when a file of it changes.
    """
    files = sorted(path for path in source.rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    home = cache() / f"{source.name}-{digest}"
    if not home.exists():
        _compile(source, home)
    return ["java", "-cp", f"{home}/target/classes:{home}/target/lib/*"]


def _compile(source: Path, home: Path) -> None:
    if shutil.which("mvn") is None:
        raise CannotBeHad("Java SDKs cannot be had: Maven (mvn) is not installed")
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        work = Path(scratch) / "project"
        shutil.copytree(source, work)
        done = subprocess.run(
            ["mvn", "-q", "-B", "process-classes"], cwd=work, capture_output=True, text=True, timeout=540
        )
        if done.returncode != 0:
            raise CannotBeHad(f"Java SDKs cannot be had: mvn: {done.stdout.strip()[-500:]}")
        work.rename(home)
