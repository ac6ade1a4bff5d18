"""Telemetry never comes back to the receiver it is about."""

import socket
from pathlib import Path

import pytest

from receiver import config
from receiver.errors import WrongSettings
from receiver.feedback import leads_to

LISTENERS = {"otlp.grpc": "127.0.0.1:4317", "otlp.http": "0.0.0.0:4318", "api.listen": "[::1]:80"}


@pytest.mark.parametrize(
    ("endpoint", "listener"),
    [
        ("http://127.0.0.1:4317", "otlp.grpc"),
        ("http://localhost:4317", "otlp.grpc"),
        ("http://127.0.0.1:4318", "otlp.http"),
        ("http://localhost:4318/some/path", "otlp.http"),
        (f"http://{socket.gethostname()}:4318", "otlp.http"),
        ("http://[::1]", "api.listen"),
        ("http://127.0.0.1:4319", None),
        ("http://192.0.2.1:4318", None),
        ("http://no-such-host.invalid:4318", None),
        ("http://127.0.0.2:4317", None),
        ("https://127.0.0.1", None),
    ],
)
def test_an_endpoint_of_our_own_is_known(endpoint: str, listener: str | None) -> None:
    """By whatever name or address of this machine; another machine, or another port, is none of ours."""
    assert leads_to(endpoint, LISTENERS) == listener


def test_such_an_endpoint_is_refused(tmp_path: Path) -> None:
    """With the name of the listener, beside all other problems."""
    path = tmp_path / "otel-audit.yaml"
    path.write_text("otlp: {http: '127.0.0.1:9999'}\ntelemetry: {endpoint: 'http://localhost:9999/'}\n")
    with pytest.raises(WrongSettings) as refused:
        config.load(path)
    assert refused.value.problems == ["telemetry.endpoint: http://localhost:9999 is otlp.http of this receiver"]


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector:4317", "http://user:secret@collector:4318"])
def test_an_endpoint_is_an_address(tmp_path: Path, endpoint: str) -> None:
    """An http(s) one, and no place for a password."""
    path = tmp_path / "otel-audit.yaml"
    path.write_text(f"telemetry: {{endpoint: '{endpoint}'}}\n")
    with pytest.raises(WrongSettings, match=r"telemetry\.endpoint"):
        config.load(path)
