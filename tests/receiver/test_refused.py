"""What the index refuses for good lies in a bounded store, and nothing in it is thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.config import Index
from receiver.errors import Unavailable
from receiver.refused import FILE, Refusal, RefusedReader, RefusedStore, Size


class Clock:
    """Stands where it is put."""

    now_ns = 100

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[RefusedStore]:
    """Room for three entries, or 2000 bytes."""
    made = RefusedStore(tmp_path, Index(refused_max_entries=3, refused_max_bytes=2000), clock)
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[RefusedReader]:
    made = RefusedReader(tmp_path)
    yield made
    made.close()


def refusal(seq: int, size: int = 10, tenant: str = "default", reason: str = "bad") -> Refusal:
    return Refusal(seq, tenant, reason, b"x" * size)


def test_what_is_kept_is_found_by_its_tenant(store: RefusedStore, reader: RefusedReader) -> None:
    """The latest first, in pages; another tenant sees nothing of it."""
    store.keep([refusal(1), refusal(5), refusal(3, tenant="acme")])
    assert (reader.page("default", None, 10), reader.page("default", 5, 10)) == ([5, 1], [1])
    assert reader.page("default", None, 1) == [5]
    assert (reader.count("default"), reader.count("acme"), reader.count("nobody")) == (2, 1, 0)
    assert reader.one("default", 5) == refusal(5)
    assert reader.one("acme", 5) is None


def test_it_outlives_its_process(tmp_path: Path, store: RefusedStore) -> None:
    """What was kept is there for the next one, in a file that nobody else reads."""
    store.keep([refusal(1)])
    again = RefusedStore(tmp_path, Index())
    assert again.size() == Size(1, 10)
    again.close()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_repeat_is_one_with_the_later_reason(store: RefusedStore, reader: RefusedReader) -> None:
    """The same rows may be refused again after a crash, also when it is full."""
    store.keep([refusal(1), refusal(2), refusal(3)])
    store.keep([refusal(1, reason="still"), refusal(2), refusal(3)])
    assert store.size() == Size(3, 30)
    assert reader.one("default", 1) == refusal(1, reason="still")


@pytest.mark.parametrize("kept", [[refusal(1), refusal(2), refusal(3)], [refusal(1, 1995)]], ids=["entries", "bytes"])
def test_a_full_store_takes_nothing_more(store: RefusedStore, kept: list[Refusal]) -> None:
    """It says so, with where to look, and keeps what it has; none of what did not fit whole is half kept."""
    store.keep(kept)
    with pytest.raises(Unavailable, match=r"refused.db is full.*deadletter list"):
        store.keep([refusal(8), refusal(9)])
    assert store.size().entries == len(kept)
    store.drop(1, at_ns=100)
    store.keep([refusal(9)])


def test_one_of_any_size_fits_alone(store: RefusedStore) -> None:
    """Or the indexer would wait for ever."""
    store.keep([refusal(1, 5000)])
    assert store.size() == Size(1, 5000)


def test_what_is_refused_again_is_not_forgotten(store: RefusedStore, reader: RefusedReader) -> None:
    """Put again, the index took one and refused another once more."""
    store.keep([refusal(1), refusal(2)])
    mark = store.mark()
    store.keep([refusal(2, reason="again")])
    store.forget([1, 2], mark)
    assert reader.page("default", None, 10) == [2]


def test_the_mark_holds_in_the_next_process(tmp_path: Path, store: RefusedStore, reader: RefusedReader) -> None:
    """What lay there before is before every mark of a new process."""
    store.keep([refusal(1), refusal(2)])
    again = RefusedStore(tmp_path, Index())
    mark = again.mark()
    again.keep([refusal(2)])
    again.forget([1, 2], mark)
    again.close()
    assert reader.page("default", None, 10) == [2]


def test_what_was_refused_after_the_drop_is_not_dropped(store: RefusedStore, clock: Clock) -> None:
    """An old drop that is read in the journal once more takes nothing away."""
    clock.now_ns = 500
    store.keep([refusal(1)])
    store.drop(1, at_ns=499)
    assert store.size().entries == 1
    store.drop(1, at_ns=500)
    assert store.size().entries == 0
