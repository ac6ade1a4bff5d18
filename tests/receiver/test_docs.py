"""The page about the receiver says what is so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from receiver.config import (
    Budget,
    ClientCertificate,
    Forward,
    ForwardTls,
    Section,
    Settings,
    Token,
    TraceSourceSettings,
)

PAGE = (Path(__file__).parents[2] / "docs" / "receiver.md").read_text()


#: Section ▶ the members of the list in it.
LISTED: dict[str, type[Section]] = {"traces": TraceSourceSettings}


def shown(default: Any) -> str:
    if default is PydanticUndefined:
        return "needed"
    if default is None:
        return "none"
    if default in ((), {}):
        return "empty"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def settings() -> Iterator[tuple[str, str, str]]:
    """Name, default and meaning of every setting."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from of_section(name, field.annotation)
            if name in LISTED:
                yield from of_section("", LISTED[name])
        else:
            yield name, shown(field.default), field.description or ""
            yield from of_backend() if name == "forward" else ()
    for credential in (Token, ClientCertificate):
        yield from of_credential(credential)


def of_section(place: str, section: type[Section]) -> Iterator[tuple[str, str, str]]:
    """A section's settings, and those of the sections in it."""
    for key, field in section.model_fields.items():
        name = f"{place}.{key}".removeprefix(".")
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from of_section(name, field.annotation)
        else:
            yield name, shown(field.default), field.description or ""


def of_credential(credential: type[Section]) -> Iterator[tuple[str, str, str]]:
    """A credential's own settings, those of its budget among them; what both kinds share stands once."""
    for name, field in credential.model_fields.items():
        if field.annotation is Budget:
            inner = Budget.model_fields.items() if credential is Token else ()
            yield from ((f"budget.{key}", shown(each.default), each.description or "") for key, each in inner)
        elif credential is Token or name not in Token.model_fields:
            yield name, shown(field.default), field.description or ""


def of_backend() -> Iterator[tuple[str, str, str]]:
    """A backend's settings, those of its TLS among them."""
    for name, field in Forward.model_fields.items():
        if field.annotation is ForwardTls:
            inner = ForwardTls.model_fields.items()
            yield from ((f"tls.{key}", shown(each.default), each.description or "") for key, each in inner)
        else:
            yield name, shown(field.default), field.description or ""


def test_every_setting_is_listed_with_its_real_default() -> None:
    """Name, default and meaning stand in the page as they stand in the code, and nothing else does."""
    tables = PAGE.split("## Settings")[1]
    assert re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+) \|$", tables, re.MULTILINE) == list(settings())
