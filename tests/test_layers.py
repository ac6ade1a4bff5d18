"""The shape of the code: imports go down, and the two packages meet only at the contract."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: A module of the receiver imports only from rows below its own; a row's members do not know each other.
LAYERS = [
    {"cli"},
    {"app", "cli_deadletter", "cli_doctor", "cli_emit", "cli_index", "cli_read", "supervisor"},
    {"api", "cli_wait", "doctor", "otlp", "ui"},
    {"accept", "correlate", "cursors", "exposition", "setup"},
    {"index", "traces", "forward", "seal", "detect", "archive", "requests"},
    {"follower", "elastic", "deadletter"},
    {"journal", "last_settings", "outbox", "refused", "senders", "spool", "streams", "telemetry"},
    {"acts", "segments", "sqlite"},
    {"budget", "claims", "own", "tokens"},
    {"config"},
    {"otlp_json", "row", "worker"},
    {"anyvalue", "cli_ask", "clock", "errors", "feedback", "items", "metrics", "sentence", "signal", "timing"},
]
ROW = {name: row for row, names in enumerate(LAYERS) for name in names}

#: What the receiver may know of the SDK.
CONTRACT = {"entry", "wire", "canonical", "catalog", "redact"}
#: These record events themselves, through the front door.
SENDERS = {"receiver.cli_emit"}


def _imports(package: str) -> Iterator[tuple[str, str]]:
    """Every (importing module, imported module) below *package*, as dotted names."""
    for path in sorted((ROOT / package).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                # `from receiver import clock` names a module by what follows.
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from ((module, name) for name in (names if node.module in PACKAGES else [node.module]))


PACKAGES = ("receiver", "otel_audit")


def _part(module: str) -> str:
    """The row's member a module of the receiver belongs to: the first name below the package."""
    return module.split(".")[1]


def _climbs(importer: str, imported: str) -> bool:
    above, below = _part(importer), _part(imported)
    return above != below and ROW[above] >= ROW[below]


def test_every_module_has_its_row():
    """A new module of the receiver is given its place on purpose."""
    parts = {path.stem for path in (ROOT / "receiver").iterdir() if not path.name.startswith("_")}
    assert parts - ROW.keys() == set()


def test_imports_only_go_down():
    """No module of the receiver imports from its own row or from one above."""
    inner = [(a, b) for a, b in _imports("receiver") if b.startswith("receiver.") and "." in a]
    assert inner
    assert [pair for pair in inner if _climbs(*pair)] == []


def test_the_sdk_stands_alone():
    """What a service imports pulls in nothing of the server."""
    assert [pair for pair in _imports("otel_audit") if pair[1].split(".")[0] == "receiver"] == []


def test_the_receiver_knows_only_the_contract():
    """The receiver reads what the SDK writes, and nothing of how the SDK works."""
    known = [(a, b) for a, b in _imports("receiver") if b.split(".")[0] == "otel_audit" and a not in SENDERS]
    assert known
    assert [pair for pair in known if pair[1].split(".")[1] not in CONTRACT] == []
