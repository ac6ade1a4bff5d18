"""An SDK that is configured anew for every test and always ended."""

import os
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from tests.sdk import far_end as servers
from tests.sdk.far_end import FarEnd


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the person who runs the tests, and nothing left running."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    yield
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
