"""Settings: read from file and variables, all problems told together, nothing exposed without a token."""

import os
from pathlib import Path

import pytest

from receiver.config import Address, Forward, Index, Token, load
from receiver.errors import WrongSettings

HASH = "0" * 64


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith("OTEL_AUDIT_RECEIVER_")]:
        monkeypatch.delenv(name)


def _problems(path: Path | None = None) -> list[str]:
    with pytest.raises(WrongSettings) as caught:
        load(path)
    return caught.value.problems


def test_defaults_need_nothing():
    """Without a file and without variables everything is on loopback and embedded."""
    settings = load()
    assert settings.index.url == "sqlite"
    assert all(Address(a).is_loopback for a in (settings.otlp.grpc, settings.otlp.http, settings.api.listen))


def test_variables_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A variable changes one setting and leaves its section's others as the file has them."""
    file = tmp_path / "otel-audit.yaml"
    file.write_text("index: {namespace: shop, poll_ms: 20}\n")
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_INDEX__NAMESPACE", "other")
    index = load(file).index
    assert (index.namespace, index.poll_ms) == ("other", 20)


def test_all_problems_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nobody starts the server five times to learn of five mistakes."""
    file = tmp_path / "otel-audit.yaml"
    file.write_text("journal: {batch_max_entries: 0}\notlp: {http: nowhere}\napi: {listen: '0.0.0.0:4321'}\n")
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_INDEX__URLL", "sqlite")
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_INDEX__URL", "ftp://x")
    told = "\n".join(_problems(file))
    for setting in ("journal.batch_max_entries", "otlp.http", "api.listen", "INDEX__URLL", "index.url"):
        assert setting in told


def test_nothing_listens_elsewhere_without_a_token(tmp_path: Path):
    """An address that others reach needs a credential; with one it is fine."""
    file = tmp_path / "otel-audit.yaml"
    file.write_text("otlp: {grpc: '0.0.0.0:4317'}\n")
    assert "otlp.grpc" in _problems(file)[0]
    file.write_text(
        f"otlp: {{grpc: '0.0.0.0:4317'}}\nauth: {{tokens: [{{name: a, sha256: '{HASH}', role: sender}}]}}\n"
    )
    assert load(file).otlp.grpc == "0.0.0.0:4317"


def test_tokens_are_distinct(tmp_path: Path):
    """Two credentials of one name or one secret cannot be told apart, so they are refused."""
    file = tmp_path / "otel-audit.yaml"
    token = f"{{name: a, sha256: '{HASH}', role: sender}}"
    file.write_text(f"auth: {{tokens: [{token}, {token}]}}\n")
    assert "same name" in _problems(file)[0]


@pytest.mark.parametrize("text", ["[1, 2]", "index: [", "nothing: {}"])
def test_a_file_that_is_no_settings_is_named(text: str, tmp_path: Path):
    """A broken file or an unknown section ends the start with its reason."""
    file = tmp_path / "otel-audit.yaml"
    file.write_text(text)
    assert _problems(file)


def test_a_missing_file_is_named(tmp_path: Path):
    """A file that was asked for must be there."""
    assert "absent.yaml" in _problems(tmp_path / "absent.yaml")[0]


def test_a_secret_is_never_printed():
    """Neither passwords nor token hashes appear in the settings' text."""
    assert "hunter2" not in repr(Index(password="hunter2", api_key="hunter2"))
    assert "hunter2" not in repr(Forward(endpoint="http://a", headers={"authorization": "hunter2"}))
    assert HASH not in repr(Token(name="a", sha256=HASH, role="sender"))


def _forward(tmp_path: Path, *backends: str) -> Path:
    file = tmp_path / "otel-audit.yaml"
    file.write_text(f"forward: [{', '.join(backends)}]\n")
    return file


def test_backends_come_from_file_or_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A list, in a variable as JSON, which wins."""
    file = _forward(
        tmp_path, "{endpoint: 'http://jaeger:4317', strip: true}", "{endpoint: 'https://[::1]:4319', protocol: http}"
    )
    first, second = load(file).forward
    assert (first.address, first.strip, first.queue, first.compression) == ("jaeger:4317", True, "memory", "none")
    assert second.address == "[::1]:4319"
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_FORWARD", '[{"endpoint": "http://tempo:4317", "headers": {"X-Key": "s"}}]')
    (only,) = load(file).forward
    assert (only.called, only.headers) == ("http://tempo:4317", {"x-key": "s"})
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_FORWARD", "[{")
    assert "forward" in _problems()[0]


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("{protocol: grpc}", "endpoint"),
        ("{endpoint: 'jaeger:4317'}", "must be http://host:port"),
        ("{endpoint: 'http://jaeger:none'}", "endpoint"),
        ("{endpoint: 'http://user:secret@jaeger'}", "must be http://host:port"),
        ("{endpoint: 'http://jaeger:4317/path'}", "no path"),
        ("{endpoint: 'http://jaeger:4317', compression: zstd}", "zstd"),
        ("{endpoint: 'http://jaeger:4317', compression: snappy}", "compression"),
        ("{endpoint: 'http://jaeger:4317', tls: {ca: /dev/null}}", "ca"),
        ("{endpoint: 'http://jaeger:4317', tls: {ca: FILE}}", "https://"),
        ("{endpoint: 'https://jaeger:4317', tls: {certificate: FILE}}", "come together"),
        ("{endpoint: 'http://jaeger:4317', headers: {'a b': c}}", "no header"),
        ("{endpoint: 'http://jaeger:4317', headers: {key: 'ü'}}", "no header"),
        ("{endpoint: 'http://jaeger:4317', headers: {key-bin: c}}", "no header"),
        ("{endpoint: 'http://jaeger:4317', queue: tape}", "queue"),
        ("{endpoint: 'http://jaeger:4317', queue_max_bytes: 1}", "queue_max_bytes"),
        ("{endpoint: 'http://jaeger:4317', signals: [metrics]}", "signals"),
        ("{endpoint: 'http://jaeger:4317', retries: 5}", "retries"),
        ("{endpoint: 'http://a:1'}, {endpoint: 'http://a:1'}", "same name"),
    ],
)
def test_a_wrong_backend_is_named(backend: str, told: str, tmp_path: Path):
    """Before anything is started, with the setting that is wrong."""
    (problem,) = _problems(_forward(tmp_path, backend.replace("FILE", str(tmp_path / "otel-audit.yaml"))))
    assert problem.startswith("forward")
    assert told in problem


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:4317", "http://localhost", "http://[::1]:4318", "https://127.0.0.9:4318"]
)
def test_the_receiver_does_not_forward_to_itself(endpoint: str, tmp_path: Path):
    """Neither by the address it listens on nor by another name of it."""
    assert "this receiver itself" in _problems(_forward(tmp_path, f"{{endpoint: '{endpoint}'}}"))[0]


def test_another_on_the_same_port_is_not_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A host of the same port is fine, unless we listen on every address and it is this machine."""
    other = _forward(tmp_path, "{endpoint: 'http://jaeger:4317'}", "{endpoint: 'http://127.0.0.1:4319'}")
    assert len(load(other).forward) == 2
    token = f'[{{"name": "a", "sha256": "{HASH}", "role": "sender"}}]'
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_AUTH__TOKENS", token)
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_OTLP__GRPC", "0.0.0.0:4319")
    assert "http://127.0.0.1:4319 is this receiver itself" in _problems(other)[0]
