"""The API over real files: a journal, an index and a span store, filled as follow would."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient

from otel_audit.entry import Entry
from receiver.api.app import create_app
from receiver.clock import now_ns
from receiver.config import Api, Auth, Settings, Token
from receiver.config import Journal as JournalSettings
from receiver.deadletter import DeadletterReader, DeadletterWriter
from receiver.index.indexer import Indexer
from receiver.index.open import open_index
from receiver.journal import Draft, Journal, JournalReader
from receiver.metrics import RunState, read_states
from receiver.outbox import Outboxes
from receiver.refused import RefusedStore
from receiver.requests import Requests
from receiver.streams import StreamWriter
from receiver.traces.open import open_store

ROLES = ("sender", "viewer", "investigator", "administrator")


class Receiver:
    """What accept and follow leave on disk, made by hand."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        settings = Settings(data_dir=data_dir)
        self.journal = Journal.open(data_dir, JournalSettings())
        self.reader = JournalReader.open(data_dir)
        self.index = open_index(settings, write=True)
        self.spans = open_store(settings, write=True)
        self.streams = StreamWriter(data_dir, self.reader.log)
        self.refused = RefusedStore(data_dir, settings.index)
        self.letters = DeadletterWriter(data_dir, self.reader.log, self.refused)
        self.requests = Requests(data_dir, self.reader.log)
        self._states = {name: RunState(data_dir, name) for name in ("accept", "follow", "answer")}
        self.say("accept", ready=True)
        self._indexer = Indexer(self.index, self.reader.log, "monthly")

    def accept(self, *entries: Entry, received_ns: int | None = None, digest: bytes | None = None) -> None:
        """Journal entries, as accept does."""
        for each in entries:
            said = each.model_dump(mode="json", exclude_none=True, exclude={"integrity", "seen"})
            compared = digest or each.event_id.encode()
            draft = Draft(
                "entry", each.tenant, each.event_id, compared, orjson.dumps(said), b"{}", False, received_ns or now_ns()
            )
            self.journal.append([draft]).result(10)

    def follow(self) -> None:
        """Index what is journalled, as follow does."""
        for each in (self._indexer, self.streams, self.letters, self.requests):
            rows = self.reader.read(each.cursor(), 10_000)
            if rows:
                each.step(rows)

    def forget_letters(self) -> None:
        """Somebody deletes ``deadletter.db``."""
        self.letters.close()
        for path in self.data_dir.glob("deadletter.db*"):
            path.unlink()
        self.letters = DeadletterWriter(self.data_dir, self.reader.log, self.refused)

    def letters_of(self, tenant: str) -> list[int]:
        """The rows that are set aside and open."""
        reader = DeadletterReader(self.data_dir)
        found = reader.page(tenant, None, 100)
        reader.close()
        return found

    def drain(self) -> None:
        """Journal what answer has to say, as accept does."""
        outboxes = Outboxes(self.data_dir)
        while "answer" in outboxes.processes() and (delivery := outboxes.delivery("answer")) is not None:
            self.journal.append(delivery.drafts).result(10)
            outboxes.delete(delivery)
        outboxes.close()

    def store(self, *entries: Entry) -> None:
        """Journal and index."""
        self.accept(*entries)
        self.follow()

    def say(self, name: str, **facts: object) -> None:
        """One process writes into its state; a thread of its own does, within a tenth of a second."""
        self._states[name].set(**facts)
        while not facts.items() <= read_states(self.data_dir)[name].items():
            time.sleep(0.01)

    def stop(self, name: str) -> None:
        """One process is no more."""
        self._states.pop(name).close()

    def close(self) -> None:
        """Let go of everything."""
        for state in self._states.values():
            state.close()
        for part in (
            self.reader,
            self.index,
            self.spans,
            self.streams,
            self.refused,
            self.letters,
            self.requests,
            self.journal,
        ):
            part.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """An empty one."""
    receiver = Receiver(tmp_path / "data")
    yield receiver
    receiver.close()


@pytest.fixture
def api(receiver: Receiver) -> Iterator[TestClient]:
    """Its API without tokens."""
    settings = Settings(data_dir=receiver.data_dir, api=Api(listen="127.0.0.1:0"))
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api_with_tokens(receiver: Receiver) -> Iterator[Callable[[str | None], TestClient]]:
    """Its API where each role has a token of the role's name; ``other`` reads another tenant."""
    tokens = [
        Token(name=role, sha256=hashlib.sha256(role.encode()).hexdigest(), role=role)  # type: ignore[arg-type]
        for role in ROLES
    ]
    tokens.append(Token(name="other", sha256=hashlib.sha256(b"other").hexdigest(), role="viewer", tenant="other"))
    settings = Settings(data_dir=receiver.data_dir, auth=Auth(tokens=tuple(tokens)))
    with TestClient(create_app(settings), base_url="http://shop.example", raise_server_exceptions=False) as client:

        def as_role(role: str | None) -> TestClient:
            client.headers.pop("Authorization", None)
            if role is not None:
                client.headers["Authorization"] = f"Bearer {role}"
            return client

        yield as_role
