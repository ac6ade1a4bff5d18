"""The API's document is committed, true, and every call keeps to it."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from receiver.api.app import create_app
from receiver.config import Settings
from tests.contracts.entries import entry
from tests.contracts.spans import TRACE, span
from tests.receiver.api.conftest import Receiver

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def written(document: dict[str, Any]) -> str:
    """As it stands in the repository; the version is the package's matter."""
    return json.dumps({**document, "info": {**document["info"], "version": "0"}}, indent=1, sort_keys=True) + "\n"


@pytest.fixture
def app(receiver: Receiver) -> FastAPI:
    """The API over a receiver with an order, its trace and a stream with a gap."""
    order = {"resource_type": "order", "resource_id": "o-1", "related": ("order:o-1",), "trace_id": TRACE}
    receiver.spans.put([span(1), span(2, parent_span_id=f"{1:016x}")])
    receiver.store(
        entry(1, **order, new_state={"status": "new"}, span_id=f"{1:016x}"),
        entry(2, **order, previous_state={"status": "old"}, new_state={"status": "paid"}, outcome="failure"),
        entry(3, source={"id": "s-1", "sequence": 4}, service_name="payment", user_id="ann"),
    )
    return create_app(Settings(data_dir=receiver.data_dir))


def test_the_committed_document_is_the_one_that_is_served(app: FastAPI):
    """Who changes a route or a shape sees it in the document; OTEL_AUDIT_WRITE_OPENAPI=1 writes it anew."""
    served = written(app.openapi())
    if os.environ.get("OTEL_AUDIT_WRITE_OPENAPI"):
        COMMITTED.write_text(served)
    assert COMMITTED.read_text() == served


def test_every_call_keeps_to_the_document(app: FastAPI):
    """Whatever is asked: no failure of ours, and only statuses and shapes that are written down."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    labels = set()
    statuses: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        _keeps_to_it(operation, statuses)
        labels.add(operation.label)
    assert {"GET /api/v1/entries", "GET /api/v1/journeys/{kind}/{identity}", "GET /readyz"} <= labels
    assert statuses[200]
    assert statuses[400]
    assert statuses[404]


def _keeps_to_it(operation: schemathesis.APIOperation, statuses: Counter[int]) -> None:
    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE))
    def check(case: schemathesis.Case) -> None:
        statuses[case.call_and_validate(base_url="http://127.0.0.1", checks=CHECKS).status_code] += 1

    check()
