"""An SDK that is configured anew for every test and always ended."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit import _transaction
from otel_audit._transaction import Transaction
from tests.sdk import far_end as servers
from tests.sdk.far_end import FarEnd


@pytest.fixture(autouse=True)
def spill_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """No setting of the person who runs the tests, a spill directory of the test's own, and nothing left running."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_AUDIT_SPILL_DIR", str(tmp_path / "spill"))
    yield tmp_path / "spill"
    otel_audit.shutdown(timeout_s=0.2)


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    """A gRPC far end."""
    with servers.over_grpc() as far_end:
        yield far_end


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    """An application's own tracer provider, which exports nowhere."""
    provider = TracerProvider()
    yield provider
    provider.shutdown()


@pytest.fixture
def transaction(monkeypatch: pytest.MonkeyPatch) -> Transaction:
    """A transaction that is current until it ends."""
    made = Transaction()
    monkeypatch.setattr(_transaction, "_watchers", (lambda: None if made.ended else made,))
    return made
