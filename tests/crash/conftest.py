"""What the faults share: a seed that is told, and addresses that stay."""

import logging
import os
import random
from pathlib import Path

import pytest

from tests.crash.places import fixed_ports
from tests.receiver.otlp.requests import event, request, span


@pytest.fixture
def chance() -> random.Random:
    """Random moments; the seed is printed with a failure, and taken from ``OTEL_AUDIT_TEST_SEED`` to see it again."""
    seed = int(os.environ.get("OTEL_AUDIT_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    logging.getLogger(__name__).warning("random moments: OTEL_AUDIT_TEST_SEED=%d", seed)
    return random.Random(seed)


@pytest.fixture
def ports() -> dict[str, str]:
    """Fixed ports."""
    return fixed_ports()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Where the receiver of this test keeps everything."""
    return tmp_path / "data"


@pytest.fixture
def body() -> bytes:
    """A request with one audit event that has no number."""
    return request(span(event(audit__reason="none of the numbered ones"))).SerializeToString()
