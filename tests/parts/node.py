"""JavaScript programs for the tests, with their packages installed once and kept."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.parts.cache import cache
from tests.parts.missing import CannotBeHad


def project(source: Path) -> Path:
    """A copy of the npm project in *source* with its packages installed; made anew when its manifest changes."""
    digest = hashlib.sha256((source / "package.json").read_bytes()).hexdigest()[:12]
    home = cache() / f"{source.name}-{digest}"
    if not home.exists():
        if shutil.which("npm") is None:
            raise CannotBeHad("JavaScript SDKs cannot be had: npm is not installed")
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            work = Path(scratch) / "project"
            shutil.copytree(source, work)
            command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
            done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=540)
            if done.returncode != 0:
                raise CannotBeHad(f"JavaScript SDKs cannot be had: npm install: {done.stderr.strip()[-500:]}")
            work.rename(home)
    for program in source.glob("*.mjs"):
        shutil.copy(program, home)
    return home
