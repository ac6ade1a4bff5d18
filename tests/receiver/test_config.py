"""Settings: read from file and variables, all problems told together, nothing exposed without a token."""

import os
from pathlib import Path

import pytest

from otel_audit.redact import Rules
from receiver.config import Address, Index, Redact, Token, load
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
    assert HASH not in repr(Token(name="a", sha256=HASH, role="sender"))


def _forward(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "otel-audit.yaml"
    file.write_text(f"otlp: {{grpc: '127.0.0.1:4317', http: '127.0.0.1:4318'}}\nforward:\n{text}\n")
    return file


def test_backends_are_read_from_the_file_or_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The variable holds the whole list as JSON, and wins."""
    file = _forward(tmp_path, "- {endpoint: 'http://tempo:4317', strip: true}")
    assert [(each.called, each.strip) for each in load(file).forward] == [("http://tempo:4317", True)]
    monkeypatch.setenv(
        "OTEL_AUDIT_RECEIVER_FORWARD", '[{"endpoint": "https://jaeger", "protocol": "http", "queue": "disk"}]'
    )
    [backend] = load(file).forward
    assert (backend.address, backend.protocol, backend.queue) == ("jaeger:4318", "http", "disk")


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("{}", "forward.0.endpoint"),
        ("{endpoint: 'tempo:4317'}", "must be http://host:port"),
        ("{endpoint: 'http://me:secret@tempo:4317'}", "forward.0.endpoint"),
        ("{endpoint: 'http://tempo:99999'}", "forward.0.endpoint"),
        ("{endpoint: 'http://tempo:4317/path'}", "over gRPC an endpoint has no path"),
        ("{endpoint: 'http://tempo:4317', protocol: thrift}", "forward.0.protocol"),
        ("{endpoint: 'http://tempo:4317', compression: zstd}", "zstd is for the protocol http alone"),
        ("{endpoint: 'http://tempo:4317', headers: {'a b': c}}", "is no header"),
        ("{endpoint: 'http://tempo:4317', headers: {a: \"b\\n\"}}", "is no header"),
        (f"{{endpoint: 'http://tempo:4317', tls: {{ca: {__file__}}}}}", "tls is for an https:// endpoint"),
        ("{endpoint: 'https://tempo:4317', tls: {ca: /nowhere/ca.pem}}", "forward.0.tls.ca"),
        ("{endpoint: 'https://tempo:4317', tls: {key: /dev/null}}", "forward.0.tls"),
        ("{endpoint: 'http://tempo:4317', queue: tape}", "forward.0.queue"),
        ("{endpoint: 'http://tempo:4317', queue_max_bytes: 1}", "forward.0.queue_max_bytes"),
        ("{endpoint: 'http://tempo:4317', stripp: true}", "forward.0.stripp"),
        ("{endpoint: 'http://localhost:4317'}", "forward.0: http://localhost:4317 is otlp.grpc of this receiver"),
        ("{endpoint: 'http://127.0.0.1', protocol: http}", "forward.0: http://127.0.0.1 is otlp.http of this receiver"),
    ],
)
def test_a_backend_that_cannot_be_used_is_named(backend: str, told: str, tmp_path: Path):
    """Every mistake stops the start with its place; so does what would go round for ever."""
    problems = "\n".join(_problems(_forward(tmp_path, f"- {backend}")))
    assert told in problems
    assert "secret@" not in problems


def test_two_backends_have_two_names(tmp_path: Path):
    """Their counts and their queues on disk are told apart by it; one endpoint may be two backends."""
    file = _forward(tmp_path, "- {endpoint: 'http://tempo:4317'}\n- {endpoint: 'http://tempo:4317'}")
    assert "two backends have the same name" in _problems(file)[0]
    file = _forward(tmp_path, "- {endpoint: 'http://tempo:4317'}\n- {endpoint: 'http://tempo:4317', name: logs}")
    assert len(load(file).forward) == 2


def test_a_backends_headers_are_never_printed(tmp_path: Path):
    """They hold its API key: neither the settings' text nor a problem shows them."""
    text = "- {endpoint: 'http://tempo:4317', headers: {x-key: hunter2}, PLACE: 1}"
    assert "hunter2" not in repr(load(_forward(tmp_path, text.replace("PLACE", "timeout_s"))))
    assert "hunter2" not in "\n".join(_problems(_forward(tmp_path, text)))


def test_a_setting_of_a_section_in_a_section_has_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As any other; one that is misspelt is named."""
    certificate = tmp_path / "certificate"
    certificate.write_text("x")
    for name in ("CERT", "KEY"):
        monkeypatch.setenv(f"OTEL_AUDIT_RECEIVER_OTLP__TLS__{name}", str(certificate))
    assert load().otlp.tls.cert == certificate
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_OTLP__TLS__CRT", "x")
    with pytest.raises(WrongSettings, match="OTLP__TLS__CRT"):
        load()


def test_wrong_rules_of_redaction_are_named_with_their_place(tmp_path: Path):
    """All at once, and never the key."""
    file = tmp_path / "otel-audit.yaml"
    file.write_text(
        "redact:\n  pseudonym_key: tooshort\n  cards: hide\n  field_max_bytes: 5\n"
        "  fields: {'a b': remove, '*': mask, notes: shred}\n"
    )
    problems = _problems(file)
    told = {problem.partition(":")[0]: problem for problem in problems}
    assert told.keys() == {"redact.pseudonym_key", "redact.cards", "redact.field_max_bytes", "redact.fields"}
    for wrong in ("'a b' must be a name", "'*' would fit every name", "'notes': its mode must be one of"):
        assert wrong in told["redact.fields"]
    assert "tooshort" not in str(problems)


def test_rules_of_redaction_are_those_of_the_sdk(monkeypatch: pytest.MonkeyPatch):
    """The same words mean the same; the key is not shown."""
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_REDACT__PSEUDONYM_KEY", "one key for SDK and receiver")
    monkeypatch.setenv("OTEL_AUDIT_RECEIVER_REDACT__FIELDS", '{"loyalty_*": "remove"}')
    redact = load().redact
    assert redact.rules == Rules(pseudonym_key=b"one key for SDK and receiver", fields={"loyalty_*": "remove"})
    assert Redact().rules == Rules()
    assert "one key" not in repr(redact)
