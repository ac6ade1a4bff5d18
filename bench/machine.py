"""The machine a benchmark ran on, as far as it matters and nobody is recognised by it."""

import os
import platform
import time
from importlib.metadata import version


def machine() -> dict[str, str]:
    """Cores, memory, kernel, Python, the libraries that matter, the day."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ("grpcio", "protobuf", "orjson", "elasticsearch")
    return {
        "cores": f"{os.cpu_count()} ({platform.machine()}, shared)",
        "memory": f"{memory:.0f} GB",
        "kernel": f"Linux {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in libraries),
        "date": time.strftime("%Y-%m-%d"),
    }
