"""The index in memory keeps the promises."""

import pytest

from receiver.index.memory import MemoryIndex
from tests.contracts.entry_index import EntryIndexContract


class TestMemoryIndex(EntryIndexContract):
    @pytest.fixture
    def index(self) -> MemoryIndex:
        return MemoryIndex()
