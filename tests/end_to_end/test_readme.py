"""What the README shows works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import receiver

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.timeout(120)

CALL = """
from fastapi.testclient import TestClient
from opentelemetry import trace

who = {"X-User-Id": "u-bob"}
answer = TestClient(app).put("/stock/SKU-LAMP", params={"counted": 35, "reason": "recount"}, headers=who)
assert answer.json() == {"SKU-LAMP": 35}, answer.text
trace.get_tracer_provider().shutdown()
assert otel_audit.shutdown()
"""


def test_the_example_service_leaves_its_entry_joined_to_its_trace(tmp_path: Path):
    """The first code a newcomer copies records the change with who, why and the request around it."""
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert "http://127.0.0.1:4317" in example
    with receiver.running(tmp_path / "data") as running:
        program = example.replace("http://127.0.0.1:4317", f"http://{running.grpc}") + CALL
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        history = "/api/v1/resources/inventory_item/SKU-LAMP/history"
        [entry] = running.eventually(history, enough=lambda answer: answer["entries"])["entries"]
        trace = running.eventually(f"/api/v1/entries/{entry['event_id']}/trace", enough=lambda answer: answer["spans"])
    assert (entry["user_id"], entry["reason"]) == ("u-bob", "recount")
    assert (entry["previous_state"], entry["new_state"]) == (50, 35)
    assert (entry["http_method"], entry["path"], entry["status_code"]) == ("PUT", "/stock/SKU-LAMP", 200)
    assert entry["event_id"] in [event_id for span in trace["spans"] for event_id in span["entries"]]


@pytest.mark.parametrize("page", ["README.md", "docs/demo.md"])
def test_every_link_leads_somewhere(page: str):
    """No page that a newcomer reads first names a file that is not there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert links
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
