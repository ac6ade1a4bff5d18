"""No index bends a promise of the contract."""

from tests.contracts.entry_index import EntryIndexContract
from tests.contracts.promises import bent
from tests.receiver.index import test_elastic, test_memory, test_sqlite

SUITES = (test_memory.TestMemoryIndex, test_sqlite.TestSqliteIndex, test_elastic.TestElasticIndex)


def test_no_index_bends_a_promise() -> None:
    """A backend's suite says how to open it and what it is excused from by name, and redefines nothing."""
    assert bent(EntryIndexContract, SUITES) == []


def test_bending_is_noticed() -> None:
    """The check above can fail."""

    class Bent(EntryIndexContract):
        excused = {"test_no_such_promise": "…"}  # noqa: RUF012

        def test_put_twice_is_found_once(self) -> None:  # type: ignore[override]
            """Nothing is held."""

    Bent.__test__ = False  # type: ignore[attr-defined]
    assert bent(EntryIndexContract, [Bent]) == [
        "Bent redefines test_put_twice_is_found_once",
        "Bent excuses test_no_such_promise",
    ]
