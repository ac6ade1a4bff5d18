"""The journal: is all of it there, how fast does it grow; and its repair."""

from contextlib import closing
from pathlib import Path

from receiver.config import Settings
from receiver.cursors import known_cursors
from receiver.doctor.disk import Growth
from receiver.doctor.finding import Finding, fine
from receiver.errors import Damaged, ReceiverError, Unavailable, WrongSettings
from receiver.journal import FILE, JournalReader, inspect, repair
from receiver.metrics import read_states
from receiver.streams.table import FILE as STREAMS

#: A process that has not written its state for this long does not run.
SILENT_S = 5.0


def journal(settings: Settings, *, whole: bool) -> Finding:
    """Whether it is what the followers and its mark know; with *whole* every row is read."""
    try:
        rows = inspect(settings.data_dir, known_cursors(settings.data_dir), whole=whole)
    except Unavailable:
        return fine("journal", "there is none yet")
    except Damaged as error:
        return Finding("journal", "error", str(error).removesuffix(f" ({error.hint})"), error.hint)
    extent = "every row is" if whole else "its end is"
    return fine("journal", f"{rows} rows; {extent} what was written")


def mend(settings: Settings) -> Finding:
    """Repair the journal if it is damaged. WrongSettings while a process of the receiver runs."""
    data_dir = settings.data_dir
    running = [name for name, state in read_states(data_dir).items() if state["age_s"] <= SILENT_S]
    if running:
        raise WrongSettings([f"data_dir: stop the receiver first; {', '.join(running)} still run"])
    found = journal(settings, whole=True)
    if found.level != "error":
        return found
    known = known_cursors(data_dir)
    # What they know of lost rows is no gap to them: follow makes them anew from what is left.
    for part in ("", "-wal", "-shm"):
        (data_dir / f"{STREAMS}{part}").unlink(missing_ok=True)
    repaired = repair(data_dir, known)
    missing = sum(each.last - each.first + 1 for each in repaired.missing)
    ranges = ", ".join(f"{each.first}-{each.last}" for each in repaired.missing[:10])
    message = f"repaired ({found.message}): {repaired.rows} rows are kept, {missing} are missing"
    evidence = ", ".join(path.name for path in repaired.evidence) or "nothing was left to keep"
    return Finding("journal", "warning", message + (f": rows {ranges}" if ranges else ""), f"evidence: {evidence}")


def growth(data_dir: Path) -> tuple[Growth, int | None]:
    """How fast the journal grew, and when its newest row was received."""
    try:
        with closing(JournalReader.open(data_dir)) as reader:
            last = reader.last_seq()
            first, newest = reader.first_after(0), reader.read(last - 1, 1) if last else []
    except ReceiverError:
        return Growth(0, 0), None
    if first is None or not newest:
        return Growth(0, 0), None
    size = (data_dir / FILE).stat().st_size
    return Growth(size, newest[-1].received_ns - first.received_ns), newest[-1].received_ns
