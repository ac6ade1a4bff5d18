"""A journal that is less than it was: noticed, never read as if it were whole, and made sound again without a lie."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from receiver import config
from receiver.errors import Busy, Damaged, WrongSettings
from receiver.journal import FILE, Journal, JournalReader, Keeper, Known, inspect, repair
from receiver.journal.damage import noted
from receiver.journal.examine import REPAIRED
from receiver.journal.mark import read_mark
from receiver.journal.repair import ACTION
from receiver.row import Draft, Row
from tests.receiver.drafts import draft

SETTINGS = config.Journal(checkpoint_every_s=600)
ROWS = 300
WAL = f"{FILE}-wal"


def drafts(first: int, count: int = ROWS) -> list[Draft]:
    """Rows of all sizes: some fit a page many times, some go on over several pages."""
    return [
        replace(draft(f"e{number}"), values=_values(number))
        if number % 7
        else replace(draft(f"r{number}", kind="report"), values=_values(number))
        for number in range(first, first + count)
    ]


def _values(number: int) -> bytes:
    return orjson.dumps({**orjson.loads(draft(f"e{number}").values), "reason": "x" * (number * 37 % 11_000)})


def fill(data_dir: Path, first: int = 0, count: int = ROWS) -> None:
    journal = Journal.open(data_dir, SETTINGS)
    for each in drafts(first, count):
        journal.append([each]).result(10)
    journal.close()


def rows_of(data_dir: Path) -> list[Row]:
    with closing(JournalReader.open(data_dir)) as reader:
        return reader.read(0, 1 << 20)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of ROWS rows, closed in order."""
    data_dir = tmp_path_factory.mktemp("sound")
    fill(data_dir)
    return data_dir


@pytest.fixture
def data_dir(sound: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(sound, tmp_path / "data"))


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Path]:
    """A journal as a killed process leaves it: half of its rows still in the write-ahead log."""
    living = tmp_path / "living"
    fill(living, 0, ROWS // 2)
    journal = Journal.open(living, SETTINGS)
    for each in drafts(ROWS // 2, ROWS // 2):
        journal.append([each]).result(10)
    yield Path(shutil.copytree(living, tmp_path / "data"))
    journal.close()


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def cut(path: Path, keep: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def refuses(data_dir: Path, *known: Known) -> str:
    """What accept says when it starts on *data_dir*; its doors are open, and it takes nothing."""
    keeper = Keeper(data_dir, SETTINGS, lambda: known)
    try:
        with pytest.raises(Damaged):
            keeper.append([draft("more")])
        with pytest.raises(WrongSettings):
            repair(data_dir, known)
        return str(keeper.problem)
    finally:
        keeper.close()


def repaired(data_dir: Path, before: list[Row], *known: Known) -> set[int]:
    """Repair, hold the result to every promise, and return the rows that are missing."""
    found = repair(data_dir, known, clock=lambda: 7)
    *kept, told = rows_of(data_dir)
    kept = [row for row in kept if orjson.loads(row.values)["action"] != ACTION]  # of a repair that was cut short
    by_seq = {row.seq: row for row in before}
    assert all(by_seq[row.seq] == row for row in kept)
    missing = {seq for each in found.missing for seq in range(each.first, each.last + 1)}
    assert missing & set(by_seq) == set(by_seq) - {row.seq for row in kept}
    said = orjson.loads(told.values)
    assert (said["action"], said["metadata"]["missing_rows"]) == (ACTION, len(missing))
    numbers = {number for each in found.numbers for number in range(each.first, each.last + 1)}
    assert numbers >= {row.index for row in before if row.seq in missing and row.index is not None}
    assert told.index is not None
    assert told.index > max((row.index for row in before if row.index is not None), default=-1)
    assert inspect(data_dir, known, whole=True) == told.seq
    _goes_on(data_dir, told)
    return missing


def _goes_on(data_dir: Path, told: Row) -> None:
    keeper = Keeper(data_dir, SETTINGS, tuple)
    assert keeper.append([draft("new")]).result(10)[:2] == (told.index + 1, told.index + 1)
    keeper.close()


def test_a_sound_journal_is_left_alone(data_dir: Path) -> None:
    """Nothing is wrong with it, and it says how many rows it has."""
    assert inspect(data_dir, [Known("the index", "other", 10**6)], whole=True) == ROWS
    assert noted(data_dir) is None


@pytest.mark.parametrize("seed", range(40))
def test_no_flipped_bit_is_read_as_what_was_written(seed: int, sound: Path, data_dir: Path) -> None:
    """Wherever it is: either every row reads as before, or the journal is damaged; what is repaired tells no lie."""
    chance = random.Random(seed)
    before = rows_of(sound)
    for _ in range(1 + seed % 3):
        flip(data_dir / FILE, chance.randrange((data_dir / FILE).stat().st_size * 8))
    try:
        inspect(data_dir, (), whole=True)
    except Damaged:
        assert noted(data_dir) is not None
        missing = repaired(data_dir, before)
        # A broken page costs its own rows; one that others are found by costs none.
        assert len(missing) <= 60
    else:
        assert rows_of(data_dir) == before


def test_a_flipped_bit_in_a_value_never_reaches_a_follower(data_dir: Path) -> None:
    """SQLite reads it without a word: the row's checksum tells, and accept takes nothing more."""
    before = rows_of(data_dir)
    at = (data_dir / FILE).read_bytes().index(b'"event_id":"e100"')
    flip(data_dir / FILE, (at + 13) * 8)
    with closing(sqlite3.connect(data_dir / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with closing(JournalReader.open(data_dir)) as reader, pytest.raises(Damaged, match=r"row 101 .*doctor --repair"):
        reader.read(50, 100)
    assert "row 101 is not what was written" in refuses(data_dir)
    assert repaired(data_dir, before) == {101}


def test_accept_stops_when_a_follower_finds_damage(data_dir: Path) -> None:
    """It learns it from the note that the finder leaves, within one look."""
    keeper = Keeper(data_dir, SETTINGS, tuple)
    keeper.append([draft("taken")]).result(10)
    with closing(JournalReader.open(data_dir)) as reader, pytest.raises(Damaged):
        reader.must_reach(ROWS + 9, "the index")
    keeper.look()
    with pytest.raises(Damaged, match="the index has seen row 309"):
        keeper.append([draft("refused")])
    keeper.close()
    assert refuses(data_dir)


@pytest.mark.parametrize("keep", [0.97, 0.6, 0.2, 0.01, 0])
def test_a_cut_file_is_noticed_and_salvaged(keep: float, sound: Path, data_dir: Path) -> None:
    """What was before the cut is kept; numbers of what was behind it are not given out again."""
    before = rows_of(sound)
    cut(data_dir / FILE, keep)
    assert "journal" in refuses(data_dir)
    missing = repaired(data_dir, before)
    assert len(missing) <= ROWS * (1 - keep) * 1.3 + 10


@pytest.mark.parametrize("keep", [0.9, 0.3, 0])
def test_a_cut_log_is_noticed(keep: float, crashed: Path) -> None:
    """SQLite takes it for a crash in the middle of a commit; the mark knows what was acknowledged."""
    before = [replace(row) for row in rows_of(Path(shutil.copytree(crashed, crashed.with_name("whole"))))]
    assert len(before) == ROWS
    cut(crashed / WAL, keep)
    assert "its last entry is" in refuses(crashed)
    missing = repaired(crashed, before)
    assert missing == set(range(min(missing), ROWS + 1))
    assert len(missing) <= ROWS / 2


def test_a_crash_is_no_damage(crashed: Path) -> None:
    """Rows that only the write-ahead log holds are the journal's."""
    keeper = Keeper(crashed, SETTINGS, tuple)
    keeper.append([draft("more")]).result(10)
    keeper.close()
    assert inspect(crashed, (), whole=True) == ROWS + 1


def test_an_older_copy_is_noticed(data_dir: Path, tmp_path: Path) -> None:
    """Put back without its mark: what came since is told as missing, and its numbers stay taken."""
    older = tmp_path / "older.db"
    shutil.copy(data_dir / FILE, older)
    fill(data_dir, ROWS, 50)
    before = rows_of(data_dir)
    shutil.copy(older, data_dir / FILE)
    assert "was written" in refuses(data_dir)
    assert repaired(data_dir, before) == set(range(ROWS + 1, ROWS + 51))


def test_an_older_directory_is_noticed_by_a_cursor(data_dir: Path) -> None:
    """Put back with its mark: a follower that has seen more tells."""
    before = rows_of(data_dir)
    mark = read_mark(data_dir)
    assert mark is not None
    ahead = Known("the index", mark.log, ROWS + 20)
    assert "the index has seen row 320" in refuses(data_dir, ahead)
    assert repaired(data_dir, before, ahead) == set(range(ROWS + 1, ROWS + 21))


@pytest.mark.parametrize("is_there", [True, False], ids=["empty", "missing"])
def test_no_journal_where_one_was(is_there: bool, data_dir: Path) -> None:
    """It is not begun anew in silence: the log keeps its name, and its numbers go on."""
    before, mark = rows_of(data_dir), read_mark(data_dir)
    (data_dir / FILE).unlink()
    if is_there:
        (data_dir / FILE).touch()
    assert "there is none, and journal.mark has seen row 300" in refuses(data_dir)
    assert repaired(data_dir, before) == set(range(1, ROWS + 1))
    after = read_mark(data_dir)
    assert mark is not None
    assert after is not None
    assert after.log == mark.log


def test_a_missing_journal_is_noticed_by_a_cursor_alone(tmp_path: Path) -> None:
    """Nothing but the index is left."""
    known = Known("the index", "otel-audit/0123456789ab", 12)
    assert "the index has seen row 12" in refuses(tmp_path, known)
    assert repaired(tmp_path, [], known) == set(range(1, 13))


def test_another_log_s_journal_is_no_part_of_this_one(data_dir: Path, tmp_path: Path) -> None:
    """Its rows are kept as evidence and never taken for ours."""
    fill(tmp_path / "other", 0, 20)
    before = rows_of(data_dir)
    shutil.copy(tmp_path / "other" / FILE, data_dir / FILE)
    assert "belongs here" in refuses(data_dir)
    assert repaired(data_dir, before) == set(range(1, ROWS + 1))


def test_a_row_that_is_not_there_is_missed(data_dir: Path) -> None:
    """Rows have no holes but those a repair left."""
    before = rows_of(data_dir)
    with closing(sqlite3.connect(data_dir / FILE)) as connection:
        connection.execute("DELETE FROM journal WHERE seq BETWEEN 40 AND 44")
        connection.commit()
    with closing(JournalReader.open(data_dir)) as reader, pytest.raises(Damaged, match="row 45 follows row 39"):
        reader.read(0, 100)
    assert repaired(data_dir, before) == set(range(40, 45))
    with closing(JournalReader.open(data_dir)) as reader:
        assert [row.seq for row in reader.read(38, 3)] == [39, 45, 46]
        assert [row.seq for row in reader.read(41, 1)] == [45]


def test_rows_of_before_there_were_checksums_are_kept(data_dir: Path) -> None:
    """They cannot be verified, and are believed."""
    with closing(sqlite3.connect(data_dir / FILE)) as connection:
        connection.execute("UPDATE journal SET checksum = NULL")
        connection.commit()
    before = rows_of(data_dir)
    cut(data_dir / FILE, 0.97)
    assert len(repaired(data_dir, before)) < ROWS / 5


STEPS = ["build", "renamed", "moved", "installed"]


@pytest.mark.parametrize("step", STEPS)
def test_a_repair_that_is_cut_short_is_done_again(step: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it was killed: accept does not start in between, and the next repair loses nothing more."""
    before = rows_of(data_dir)
    with closing(sqlite3.connect(data_dir / FILE)) as connection:
        connection.execute("DELETE FROM journal WHERE seq = 9")
        connection.commit()
    with pytest.raises(Damaged):
        inspect(data_dir, (), whole=True)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", _killed_at(step))
        with pytest.raises(KeyboardInterrupt):
            repair(data_dir, ())
    assert refuses(data_dir)
    assert repaired(data_dir, before) == {9}


def _killed_at(step: str) -> Callable[[Path, Path], Path]:
    """The renames of a repair: the new file appears, the old one goes, the new one takes its place."""
    inner = Path.rename

    def rename(path: Path, target: Path) -> Path:
        before = {"build": path.name.endswith(".tmp"), "renamed": path.name == FILE, "moved": path.name == REPAIRED}
        if before.get(step):
            raise KeyboardInterrupt
        done = inner(path, target)
        if step == "installed" and target.name == FILE:
            raise KeyboardInterrupt
        return done

    return rename


def test_a_page_that_breaks_under_the_writer_is_damage(data_dir: Path) -> None:
    """Met at a commit: the sender is told to come again, and accept takes nothing more."""
    keeper = Keeper(data_dir, SETTINGS, tuple)
    keeper._journal._connection.close()  # type: ignore[union-attr]
    keeper._journal._connection = _Malformed()  # type: ignore[union-attr,assignment]
    with pytest.raises(Damaged):
        keeper.append([draft("x")]).result(10)
    keeper.look()
    assert isinstance(keeper.problem, Damaged)
    keeper.close()
    assert refuses(data_dir)


class _Malformed:
    in_transaction = False

    def execute(self, *_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    def close(self) -> None:
        return


def test_a_disk_that_takes_nothing_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full or read-only disk at the start is no damage: senders are told to come again until it takes something."""
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("receiver.journal.lock.private_directory", full)
        keeper = Keeper(tmp_path, SETTINGS, tuple)
        with pytest.raises(Busy, match="No space left"):
            keeper.append([draft("x")])
    keeper.look()
    assert keeper.append([draft("x")]).result(10).stored == 1
    keeper.close()
