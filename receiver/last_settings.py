"""The settings of the last run, so that a change is noticed: hashes under a random key, never a value."""

import hmac
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_origin

import orjson
from pydantic import SecretStr

from receiver.acts import Changed
from receiver.config import Section, Settings
from receiver.sqlite import private_directory

FILE = "settings.json"


class Setting(NamedTuple):
    """A setting's name, its value, and whether the value may be shown: numbers, switches and choices."""

    name: str
    value: Any
    shown: bool
    default: bool


def change(data_dir: Path, settings: Settings) -> Changed | None:
    """What differs from the last run that :func:`remember` was told of; None when nothing does, or nothing was told."""
    try:
        last = orjson.loads((data_dir / FILE).read_bytes())
        key, hashes, shown = bytes.fromhex(last["key"]), last["hashes"], last["shown"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    # A setting that a new version brought has changed nothing by being there.
    changed = [
        each
        for each in _flat(settings)
        if hashes.get(each.name) != _hash(key, each.value) and not (each.name not in hashes and each.default)
    ]
    if not changed:
        return None
    before = {each.name: shown[each.name] for each in changed if each.name in shown}
    return Changed(tuple(each.name for each in changed), before, _shown(changed))


def remember(data_dir: Path, settings: Settings) -> None:
    """These are the settings of the last run from now on."""
    key = os.urandom(32)
    flat = list(_flat(settings))
    told = {
        "key": key.hex(),
        "hashes": {each.name: _hash(key, each.value) for each in flat},
        "shown": _shown(flat),
    }
    beside = private_directory(data_dir) / f"{FILE}.tmp"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(told))
    beside.replace(data_dir / FILE)


def _flat(settings: Settings) -> Iterator[Setting]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if not isinstance(value, Section):
            yield Setting(name, value, _may_be_shown(field.annotation, value), value == field.default)
            continue
        for inner, each in type(value).model_fields.items():
            said = getattr(value, inner)
            yield Setting(f"{name}.{inner}", said, _may_be_shown(each.annotation, said), said == each.default)


def _may_be_shown(annotation: Any, value: Any) -> bool:
    """A number or a choice is no secret; a text, or a list of credentials, could be one."""
    return isinstance(value, bool | int | float) or get_origin(annotation) is Literal


def _shown(settings: list[Setting]) -> dict[str, Any]:
    return {each.name: each.value for each in settings if each.shown}


def _hash(key: bytes, value: Any) -> str:
    told = orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)
    return hmac.digest(key, told, "sha256").hex()


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value.model_dump(mode="json") if isinstance(value, Section) else str(value)
