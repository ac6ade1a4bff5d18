"""What every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import elasticsearch, postgres
from tests.parts.missing import CannotBeHad


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service of one test could not send is not sent by the next test's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session", autouse=True)
def _state_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Services that a wider fixture starts leave nothing in the home of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """The address of a real Elasticsearch; a part that cannot be had ends the run with one line."""
    given = os.environ.get("OTEL_AUDIT_TEST_ES_URL")
    if given:
        yield given.rstrip("/")
        return
    try:
        with elasticsearch.running() as url:
            yield url
    except CannotBeHad as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a real PostgreSQL; a part that cannot be had ends the run with one line."""
    try:
        with postgres.running() as url:
            yield url
    except CannotBeHad as missing:
        pytest.exit(str(missing), returncode=1)
