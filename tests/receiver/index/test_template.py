"""The template that is shipped as a file is the one the code installs."""

from pathlib import Path
from typing import Any

import orjson

from receiver.index import template
from receiver.index.document import document_of
from tests.contracts.entries import ODD, entry

SHIPPED = Path(__file__).parents[3] / "deploy" / "elasticsearch" / "logs-audit.events-default.json"


def installed() -> dict[str, Any]:
    name = template.template_name("default")
    return {
        "component_templates": {
            f"{name}@mappings": template.mappings_component(),
            f"{name}@settings": template.settings_component(),
            f"{name}@custom": template.custom_component(),
        },
        "index_templates": {name: template.index_template("default")},
    }


def test_the_shipped_file_is_what_the_code_installs() -> None:
    """Who installs the template by hand gets the same one."""
    assert orjson.loads(SHIPPED.read_bytes()) == installed()


def paths(value: Any, mapped: dict[str, Any], at: str = "") -> list[str]:
    """The paths of *value* that *mapped* says nothing about."""
    if not isinstance(value, dict) or "type" in mapped:
        return [] if "type" in mapped else [at]
    inner = mapped.get("properties", {})
    return [path for key, each in value.items() for path in paths(each, inner.get(key, {}), f"{at}.{key}")]


def test_every_field_of_a_document_is_mapped() -> None:
    """What a document holds can be searched: nothing is stored under a path the template does not name."""
    mappings = template.mappings_component()["template"]["mappings"]
    unmapped = [path for fields in ODD.values() for path in paths(document_of(entry(**fields)), mappings)]
    assert unmapped == []


def test_tenants_have_indices_of_their_own() -> None:
    """The default tenant's indices carry the namespace, another's the namespace and its name; no pattern holds both."""
    assert template.index_of("default", "default", "2026.11") == "logs-audit.events-default-2026.11"
    assert template.index_of("shop", "acme", "outlier") == "logs-audit.events-shop.acme-outlier"
    assert template.pattern_of("shop", "acme") == "logs-audit.events-shop.acme-*"
    assert template.pattern_of("shop", "default") == "logs-audit.events-shop-*"
