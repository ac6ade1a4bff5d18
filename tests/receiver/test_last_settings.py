"""Changes of the settings are noticed, and no secret is kept to notice them by."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from receiver import last_settings
from receiver.acts import Changed
from receiver.config import Auth, Index, Settings, Token, Traces

TOKEN = Token(name="shop", sha256=sha256(b"token").hexdigest(), role="sender")
SECRETS = {"password": "hunter2", "user": "elastic", "api_key": "k3y"}


def settings(**sections: Any) -> Settings:
    return Settings(**sections)


def changed(data_dir: Path, before: Settings, after: Settings) -> Changed | None:
    last_settings.remember(data_dir, before)
    return last_settings.change(data_dir, after)


def test_the_first_run_changes_nothing(tmp_path: Path) -> None:
    """There is nothing to compare with, nor after somebody has taken the file away or broken it."""
    assert last_settings.change(tmp_path, settings()) is None
    (tmp_path / last_settings.FILE).write_text("{")
    assert last_settings.change(tmp_path, settings()) is None


def test_the_same_settings_are_no_change(tmp_path: Path) -> None:
    """Equal values are equal, whatever they are made of."""
    both = [settings(index=Index(**SECRETS), auth=Auth(tokens=(TOKEN,)), data_dir=tmp_path) for _ in range(2)]
    assert changed(tmp_path, *both) is None


def test_numbers_and_choices_are_shown(tmp_path: Path) -> None:
    """They cannot be secrets."""
    after = settings(traces=Traces(keep="all", wait_s=5))
    assert changed(tmp_path, settings(), after) == Changed(
        ("traces.keep", "traces.wait_s"),
        {"traces.keep": "audited", "traces.wait_s": 60.0},
        {"traces.keep": "all", "traces.wait_s": 5.0},
    )


def test_texts_are_only_named(tmp_path: Path) -> None:
    """An address or a list of credentials may hold a secret."""
    after = settings(index=Index(url="http://es:9200", **SECRETS), auth=Auth(tokens=(TOKEN,)))
    found = changed(tmp_path, settings(), after)
    assert found == Changed(("index.url", "index.user", "index.password", "index.api_key", "auth.tokens"), {}, {})


def test_nothing_secret_is_remembered(tmp_path: Path) -> None:
    """Neither a value nor a hash that could be looked up; and nobody else reads the file."""
    last_settings.remember(tmp_path, settings(index=Index(**SECRETS), auth=Auth(tokens=(TOKEN,))))
    path = tmp_path / last_settings.FILE
    text = path.read_text()
    for secret in (*SECRETS.values(), TOKEN.sha256, sha256(b"hunter2").hexdigest(), sha256(b'"hunter2"').hexdigest()):
        assert secret not in text
    assert path.stat().st_mode & 0o777 == 0o600
    first = orjson.loads(text)["hashes"]
    last_settings.remember(tmp_path, settings(index=Index(**SECRETS), auth=Auth(tokens=(TOKEN,))))
    assert orjson.loads(path.read_text())["hashes"] != first
    assert os.listdir(tmp_path) == [last_settings.FILE]  # noqa: PTH208


def test_a_setting_of_a_new_version_is_no_change(tmp_path: Path) -> None:
    """Being there, with its default, it has changed nothing; with another value it has."""
    last_settings.remember(tmp_path, settings())
    path = tmp_path / last_settings.FILE
    told = orjson.loads(path.read_bytes())
    del told["hashes"]["traces.keep"], told["shown"]["traces.keep"]
    path.write_bytes(orjson.dumps(told))
    assert last_settings.change(tmp_path, settings()) is None
    found = last_settings.change(tmp_path, settings(traces=Traces(keep="none")))
    assert found == Changed(("traces.keep",), {}, {"traces.keep": "none"})
