"""What is wrong with the journal, said on disk by whoever finds it, until it is repaired."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson

from receiver.errors import Damaged

FILE = "journal.damaged"
HINT = "keep the data directory as it is, stop the receiver, and run: otel-audit doctor --repair"


class Note(NamedTuple):
    """What was found, and the highest row that its finder knows to have been there."""

    what: str
    seq: int


def damaged(data_dir: Path, what: str, seq: int = 0) -> Damaged:
    """The error for *what*, noted for the accepting process, which takes nothing more from then on."""
    known = noted(data_dir)
    if known is None or known.seq < seq:
        _write(data_dir, Note(what, seq))
    return error_of(what)


def error_of(what: str) -> Damaged:
    """The error for *what*."""
    return Damaged(f"the journal is damaged: {what}", HINT)


def noted(data_dir: Path) -> Note | None:
    """What somebody found; None while all is well."""
    try:
        return Note(**orjson.loads((data_dir / FILE).read_bytes()))
    except FileNotFoundError:
        return None


def _write(data_dir: Path, note: Note) -> None:
    beside = data_dir / f"{FILE}.{os.getpid()}"
    with suppress(OSError):  # a full disk: the finder says it in its own state, and finds it again
        beside.write_bytes(orjson.dumps(note._asdict()))
        beside.chmod(0o600)
        beside.replace(data_dir / FILE)
