"""What every test may ask for."""

import os
from collections.abc import Iterator

import pytest

from tests.parts import elasticsearch, postgres
from tests.parts.missing import CannotBeHad


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
